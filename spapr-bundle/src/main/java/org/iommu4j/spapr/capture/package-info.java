/** How captures of sPAPR machines are read. */
package org.iommu4j.spapr.capture;
