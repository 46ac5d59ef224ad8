/**
 * Compatibility handlers between zPCI generations, docs/spec/s390-zpci.md 1.4. The vendor part is the same in all of
 * them; what differs is when a client has to invalidate, and what it may bind. There is none from generation 1 to any
 * other: a client of generation 1 does not announce new mappings, a unit that shadows would never learn of them, and
 * nothing in between can.
 */
package org.iommu4j.s390.shim;
