package org.iommu4j.intel.guest;

import org.iommu4j.intel.command.BindPgtable;

/**
 * A device's binding in a guest's root and context tables, or in the PASID entry of its requests without PASID.
 *
 * @param domain the guest's domain id, or {@link #UNTRANSLATED_DOMAIN} while the guest has translation switched off
 * @param table top level of the table; 0 for pass-through
 * @param widthBits address bits of the table; 0 for pass-through
 * @param deviceTlb true if the device may have a TLB of its own
 * @param options which stage the table is of and how it is read: flags of {@link BindPgtable} that only scalable mode has
 */
record GuestContext(int domain, long table, int widthBits, boolean deviceTlb, int options) {
    /** Name of the domain of devices that the guest does not translate: beyond every domain id. */
    static final int UNTRANSLATED_DOMAIN = 1 << 16;

    /** A device while the guest's translation is off. */
    static final GuestContext UNTRANSLATED = new GuestContext(UNTRANSLATED_DOMAIN, 0, 0, false);

    /** A second-stage table, or pass-through. */
    GuestContext(int domain, long table, int widthBits, boolean deviceTlb) {
        this(domain, table, widthBits, deviceTlb, 0);
    }

    /** True if requests pass untranslated. */
    boolean passThrough() {
        return widthBits == 0;
    }

    /** True if the table is one of the first stage. */
    boolean firstStage() {
        return BindPgtable.FLAG_FIRST_STAGE.isSet(options);
    }

    /** Flags of the bind header that bind it. */
    int flags() {
        return options | (passThrough() ? BindPgtable.PASS_THROUGH : 0) | (deviceTlb ? BindPgtable.DEVICE_TLB : 0);
    }
}
