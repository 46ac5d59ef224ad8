/**
 * The virtual IOMMU in front of a guest: registers as the guest sees them, and the guest's commands and tables turned into
 * contract requests. It knows formats ({@code command}, {@code table}), not the simulated chip and not the driver.
 *
 * <h2>Saved state, version 1</h2>
 *
 * <p>The state that {@link org.iommu4j.intel.guest.VtdGuestDecoder#save} writes, section by section.
 *
 * <ul>
 *   <li>{@code unit}: int sub_version, long VER, long CAP, long ECAP.
 *   <li>{@code registers}: every register as {@link org.iommu4j.simulation.register.RegisterFile#save} writes it.
 *   <li>{@code devices}: long root table in force, boolean it can be read, boolean translation is on; count of devices, each with
 *       int requester. Up to 0x0110 then [int guest domain id (65536: untranslated), long table, int address width in bits (0:
 *       pass-through), boolean device TLB]; from 0x0300 on [int guest domain that names its container (-1: none), boolean device
 *       TLB, count of PASIDs [int PASID (0: requests without one), int guest domain id, long table, int address width, int
 *       options, flags of the bind header]].
 * </ul>
 */
package org.iommu4j.intel.guest;
