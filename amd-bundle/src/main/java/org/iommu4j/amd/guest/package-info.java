/**
 * The virtual IOMMU in front of a guest: registers as the guest sees them, and the guest's commands and device table turned into
 * contract requests. It knows formats ({@code command}, {@code table}) and the front, not the simulated chip and not the driver.
 *
 * <h2>Saved state, version 1</h2>
 *
 * <ul>
 *   <li>{@code unit}: int sub_version, long header of the capability block, long EFR, long EFR2.
 *   <li>{@code registers}: every register as {@link org.iommu4j.simulation.register.RegisterFile#save} writes it.
 *   <li>{@code front}: as {@link org.iommu4j.amd.front.AmdViFront#save} writes it.
 *   <li>{@code devices}: boolean translation is on; count of devices [int requester, int guest domain id (65536: untranslated), long
 *       host table, int mode (0: untranslated), byte 0 for nothing, 1 for a TLB of the device, 2 for that and page requests, long GCR3 root or -1, int GLX, int guest paging mode, boolean
 *       GIOV].
 * </ul>
 */
package org.iommu4j.amd.guest;
