/** Knowledge of an SMMU for the fuzzer: a little software, and a second opinion on translations. */
package org.iommu4j.arm.fuzz;
