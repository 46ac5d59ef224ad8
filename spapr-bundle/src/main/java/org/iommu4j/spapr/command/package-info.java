/**
 * The formats between software and the platform: hypercalls and RTAS calls with their codes, the fault record, the vendor
 * parts of contract requests. Bits are numbered as PAPR does: bit 0 is the most significant.
 */
package org.iommu4j.spapr.command;
