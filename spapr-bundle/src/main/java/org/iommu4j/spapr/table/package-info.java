/** Translation control entries and the tables that hold them, PAPR and IODA2: their bits, and walking them. */
package org.iommu4j.spapr.table;
