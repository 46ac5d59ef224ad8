/** What a fuzzer has to know of VT-d: a little software for bare chips, and a walker that shares nothing with the chip's. */
package org.iommu4j.intel.fuzz;
