/**
 * Compatibility handlers between sPAPR generations, docs/spec/spapr-tce.md 1.3. Stateless: they rewrite the vendor part
 * of one request.
 */
package org.iommu4j.spapr.shim;
