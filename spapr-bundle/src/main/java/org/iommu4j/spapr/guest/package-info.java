/**
 * The virtual hypervisor in front of a guest: the guest's hypercalls and RTAS calls answered as PAPR says, its tables kept in
 * pages of the host, and what changes turned into contract requests. It knows formats and the calls of a hypervisor, not the
 * simulated platform and not the driver.
 *
 * <h2>Saved state, version 1</h2>
 *
 * <p>The state that {@link org.iommu4j.spapr.guest.SpaprGuestDecoder#save} writes, section by section.
 *
 * <ul>
 *   <li>{@code config}: what the guest sees, as {@link org.iommu4j.simulation.snapshot.ConfigState} writes it.
 *   <li>{@code windows}: count of windows [int LIOBN, long base, int log2 of the bytes, int page shift, long table, boolean
 *       default, boolean bound]. The tables stay in memory.
 *   <li>{@code endpoint}: as {@link org.iommu4j.spapr.front.EndpointStates} writes it.
 *   <li>{@code devices}: long[] requester ids that are in the container, a bit set.
 * </ul>
 */
package org.iommu4j.spapr.guest;
