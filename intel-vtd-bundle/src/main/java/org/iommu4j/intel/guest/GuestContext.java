package org.iommu4j.intel.guest;

/**
 * A device's binding in a guest's root and context tables.
 *
 * @param domain the guest's domain id, or {@link #UNTRANSLATED_DOMAIN} while the guest has translation switched off
 * @param table top level of the second-stage table; 0 for pass-through
 * @param widthBits address bits of the table; 0 for pass-through
 * @param deviceTlb true if the device may have a TLB of its own
 */
record GuestContext(int domain, long table, int widthBits, boolean deviceTlb) {
    /** Name of the domain of devices that the guest does not translate: beyond every domain id. */
    static final int UNTRANSLATED_DOMAIN = 1 << 16;

    /** A device while the guest's translation is off. */
    static final GuestContext UNTRANSLATED = new GuestContext(UNTRANSLATED_DOMAIN, 0, 0, false);

    /** True if requests pass untranslated. */
    boolean passThrough() {
        return widthBits == 0;
    }
}
