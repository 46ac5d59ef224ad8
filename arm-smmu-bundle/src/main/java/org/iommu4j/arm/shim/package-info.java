/** Handlers between generations: they rewrite the commands of a vendor part, and say so if more is dropped than was asked. */
package org.iommu4j.arm.shim;
