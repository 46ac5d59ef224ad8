/** What the fuzzer has to know of an SMMU: a little software, and a second opinion on translations. */
package org.iommu4j.arm.fuzz;
