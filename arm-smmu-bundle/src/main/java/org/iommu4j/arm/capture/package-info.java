/** What captures of guests on SMMUs mean. */
package org.iommu4j.arm.capture;
