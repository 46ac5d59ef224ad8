/**
 * The virtual SMMU in front of a guest: registers as the guest sees them, and the guest's commands and tables turned into contract
 * requests. It knows formats ({@code command}, {@code table}) and the {@code front}, not the simulated chip and not the driver.
 *
 * <h2>Saved state, version 1</h2>
 *
 * <ul>
 *   <li>{@code config}: what the guest sees, as {@link org.iommu4j.simulation.snapshot.ConfigState} writes it.
 *   <li>{@code registers}: every register as {@link org.iommu4j.simulation.register.RegisterFile#save} writes it.
 *   <li>{@code queue}: as the chip's.
 *   <li>{@code streams}: boolean translation is on; count of streams [int StreamID, int flags of the bind, longs of the first two words of its
 *       vendor part and, since 1.3.0, of the guest's VMID if its unit has stage 2; what has one is refused before].
 * </ul>
 */
package org.iommu4j.arm.guest;
