/** The fuzzer's parts of VT-d: a small driver for bare chips, and a reference walker that shares no code with the chip's. */
package org.iommu4j.intel.fuzz;
