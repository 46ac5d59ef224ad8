/** Intel VT-d as a backend: {@link org.iommu4j.intel.VtdBackend} joins the driver, the chip and the virtual IOMMU. */
package org.iommu4j.intel;
