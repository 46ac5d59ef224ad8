/** Compatibility handlers between sPAPR generations, sheet 1.3. Stateless: they rewrite the vendor part of one request. */
package org.iommu4j.spapr.shim;
