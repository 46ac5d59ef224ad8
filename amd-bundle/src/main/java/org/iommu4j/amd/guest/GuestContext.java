package org.iommu4j.amd.guest;

/**
 * What a guest's device table says of a device.
 *
 * @param domain the guest's domain id, or {@link #UNTRANSLATED_DOMAIN} where the guest has the unit pass requests on
 * @param table root of the host (v1) table; 0 if requests pass untranslated
 * @param mode levels of the table; 0 if requests pass untranslated
 * @param deviceTlb true if the device may have a TLB of its own
 * @param gcr3Root root of the GCR3 table; {@link #NO_GUEST_TABLES} if there is none
 * @param glx levels of the GCR3 table, less 1
 * @param guestPagingMode 0 for 4 levels, 1 for 5
 * @param giov true if requests without PASID have PASID 0
 * @param pageRequests true if the device may ask for pages, while the guest takes such requests
 */
record GuestContext(
        int domain,
        long table,
        int mode,
        boolean deviceTlb,
        long gcr3Root,
        int glx,
        int guestPagingMode,
        boolean giov,
        boolean pageRequests) {
    /** Name of the domain of devices that the guest does not translate: beyond every domain id. */
    static final int UNTRANSLATED_DOMAIN = 1 << 16;

    /** No guest tables. */
    static final long NO_GUEST_TABLES = -1;

    /** A device whose requests the guest has the unit pass on. */
    static final GuestContext UNTRANSLATED =
            new GuestContext(UNTRANSLATED_DOMAIN, 0, 0, false, NO_GUEST_TABLES, 0, 0, false, false);

    /** True if requests without guest tables pass untranslated. */
    boolean passThrough() {
        return mode == 0;
    }

    /** True if there are guest tables. */
    boolean hasGuestTables() {
        return gcr3Root != NO_GUEST_TABLES;
    }
}
