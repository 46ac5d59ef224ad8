/**
 * The virtual machine's PCI functions in front of a guest: instructions as the guest executes them, turned into contract requests.
 * It knows formats and the facility, not the simulated chip and not the driver.
 *
 * <h2>Saved state, version 1</h2>
 *
 * <p>The state that {@link org.iommu4j.s390.guest.ZpciGuestDecoder#save} writes, section by section.
 *
 * <ul>
 *   <li>{@code unit}: int sub_version; capabilities that differ from the generation's default: int count, then string name and
 *       long value each.
 *   <li>{@code functions}: as {@code org.iommu4j.s390.front} describes.
 * </ul>
 */
package org.iommu4j.s390.guest;
