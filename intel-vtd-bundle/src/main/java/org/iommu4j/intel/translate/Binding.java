package org.iommu4j.intel.translate;

import org.iommu4j.driver.bind.BindPart;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.intel.table.Agaw;

/**
 * A binding that a request asks for.
 *
 * @param table address of the table, 0 with {@code passThrough}
 * @param aw code of the table's width, see {@link Agaw}
 * @param deviceTlb true if the device has a TLB of its own
 * @param guestDomainId the guest's name for the domain
 */
record Binding(long table, int aw, boolean passThrough, boolean deviceTlb, int guestDomainId) {
    /**
     * The binding in a vendor part.
     *
     * @param widest the code of a pass-through, which has no table
     */
    static Binding of(BindPart part, int widest) {
        boolean passThrough = part.hasFlag(BindPgtable.FLAG_PASS_THROUGH);
        return new Binding(
                part.get(BindPgtable.TABLE_ROOT),
                passThrough ? widest : Agaw.ofWidth(part.getInt(BindPgtable.ADDRESS_WIDTH)),
                passThrough,
                part.hasFlag(BindPgtable.FLAG_DEVICE_TLB),
                part.getInt(BindPgtable.GUEST_DOMAIN_ID));
    }

    /** True if it is how a device is bound now. */
    boolean isOf(Device device) {
        return device.stage() != null
                && device.stage().is(table, aw, passThrough)
                && device.deviceTlb() == deviceTlb
                && device.guestDomainId() == guestDomainId;
    }
}
