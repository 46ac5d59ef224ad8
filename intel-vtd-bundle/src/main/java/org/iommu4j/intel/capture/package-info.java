/** The capture format of VT-d. */
package org.iommu4j.intel.capture;
