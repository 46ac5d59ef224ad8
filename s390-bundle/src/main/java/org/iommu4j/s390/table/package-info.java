/** Translation tables in memory, sheet 3: their bits, and walking them as the hardware does. */
package org.iommu4j.s390.table;
