/**
 * The fuzzer. A case is a list of {@link org.iommu4j.testbench.fuzz.Action}s, which become steps of the case format as they
 * are carried out: {@link org.iommu4j.testbench.fuzz.CaseGenerator} and {@link org.iommu4j.testbench.fuzz.Corpus} make them
 * up, {@link org.iommu4j.testbench.fuzz.CaseRun} carries them out and judges, {@link org.iommu4j.testbench.fuzz.Twin} does
 * them again on a chip of its own, {@link org.iommu4j.testbench.fuzz.Shrinker} makes a failed case small.
 */
package org.iommu4j.testbench.fuzz;
