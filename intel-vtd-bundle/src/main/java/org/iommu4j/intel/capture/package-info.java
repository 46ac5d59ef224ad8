/** How captures of machines with VT-d are read. */
package org.iommu4j.intel.capture;
