/** Compatibility handlers between VT-d generations, sheet 1.3. Stateless: they rewrite the vendor part of one request. */
package org.iommu4j.intel.shim;
