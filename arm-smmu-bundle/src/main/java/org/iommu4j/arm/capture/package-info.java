/** The capture format of guests on SMMUs. */
package org.iommu4j.arm.capture;
