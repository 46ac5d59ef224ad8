/** What a fuzzer has to know of AMD-Vi, and its judge. */
package org.iommu4j.amd.fuzz;
