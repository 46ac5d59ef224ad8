/** Knowledge of AMD-Vi for the fuzzer, and its judge. */
package org.iommu4j.amd.fuzz;
