/** The capture format of guests on AMD IOMMUs. */
package org.iommu4j.amd.capture;
