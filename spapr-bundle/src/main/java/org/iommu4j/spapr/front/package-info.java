/**
 * The services of a hypervisor for a partition: windows, the TCE hypercalls with their order of checks, the states of
 * partitionable endpoints and the RTAS calls that change them. Shared by the two hypervisors there are: the one of the
 * simulated platform, whose answer to a store is to drop cached entries, and the virtual one in front of a guest, whose answer
 * is a contract request. It knows formats only ({@code command}, {@code table}).
 */
package org.iommu4j.spapr.front;
