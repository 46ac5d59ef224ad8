/**
 * Formats of what software and VT-d hardware exchange: registers, invalidation descriptors, fault records and fault
 * reasons. Formats only, no behaviour.
 */
package org.iommu4j.intel.command;
