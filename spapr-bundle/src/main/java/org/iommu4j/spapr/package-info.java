/** IBM sPAPR TCE as a backend: {@link org.iommu4j.spapr.SpaprBackend} joins the driver, the platform and the virtual hypervisor. */
package org.iommu4j.spapr;
