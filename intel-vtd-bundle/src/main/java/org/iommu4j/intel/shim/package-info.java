/**
 * Compatibility handlers between VT-d generations, docs/spec/intel-vtd.md 1.3. Stateless: they rewrite the vendor part
 * of one request.
 */
package org.iommu4j.intel.shim;
