/**
 * What a vendor's bundle must pass, rule by rule. Each class of checks looks at one side of a bundle; {@code Conformance} runs
 * them in order and writes the checklist.
 */
package org.iommu4j.testbench.conform;
