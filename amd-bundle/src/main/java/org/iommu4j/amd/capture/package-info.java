/** What captures of guests on AMD IOMMUs mean. */
package org.iommu4j.amd.capture;
