package org.iommu4j.amd.translate;

import org.iommu4j.amd.table.DeviceTableEntry;

/**
 * What a device translates through. Devices with the same context share a host domain id, since cached translations carry no other
 * tag; docs/spec/amd-vi.md 4.4 AMD-D.34.
 *
 * @param hostRoot root of the host table; 0 if there is none
 * @param mode levels of the host table; 0 if there is none
 * @param gcr3Root root of the GCR3 table; {@link #NO_GUEST} without guest translation
 * @param glx levels of the GCR3 table, less 1
 * @param guestPagingMode 0 for 4 levels, 1 for 5
 * @param giov true if requests without PASID have PASID 0
 */
record Context(long hostRoot, int mode, long gcr3Root, int glx, int guestPagingMode, boolean giov) {
    /** No guest translation. */
    static final long NO_GUEST = -1;

    /** Requests pass untranslated. */
    static final Context PASS_THROUGH = new Context(0, 0, NO_GUEST, 0, 0, false);

    /** A host table alone. */
    static Context ofHost(long root, int mode) {
        return new Context(root, mode, NO_GUEST, 0, 0, false);
    }

    /** The same host table with guest translation. */
    Context withGuest(long root, int levelsLessOne, int pagingMode, boolean withoutPasid) {
        return new Context(hostRoot, mode, root, levelsLessOne, pagingMode, withoutPasid);
    }

    /** The same guest translation above another host table. */
    Context aboveHost(long root, int levels) {
        return new Context(root, levels, gcr3Root, glx, guestPagingMode, giov);
    }

    /** The host table alone. */
    Context withoutGuest() {
        return ofHost(hostRoot, mode);
    }

    /** True if there is guest translation. */
    boolean hasGuest() {
        return gcr3Root != NO_GUEST;
    }

    /** True if the guest tables lead to guest physical addresses, which a host table translates. */
    boolean isNested() {
        return hasGuest() && mode != 0;
    }

    /**
     * First word of the device table entry.
     *
     * @param pageRequests true if the entry says that the device may ask for pages
     */
    long word0(boolean pageRequests) {
        long word = (pageRequests ? DeviceTableEntry.PPR.mask() : 0)
                | DeviceTableEntry.V.mask()
                | DeviceTableEntry.TV.mask()
                | DeviceTableEntry.IR.mask()
                | DeviceTableEntry.IW.mask()
                | DeviceTableEntry.MODE.of(mode)
                | DeviceTableEntry.HOST_ROOT.of(hostRoot);
        return hasGuest()
                ? word
                        | DeviceTableEntry.GV.mask()
                        | DeviceTableEntry.GLX.of(glx)
                        | (giov ? DeviceTableEntry.GIOV.mask() : 0)
                        | DeviceTableEntry.gcr3Word0(gcr3Root)
                : word;
    }

    /** Second word of the device table entry. */
    long word1(int domainId, boolean deviceTlb) {
        return DeviceTableEntry.DOMAIN_ID.of(domainId)
                | (deviceTlb ? DeviceTableEntry.I.mask() : 0)
                | (hasGuest() ? DeviceTableEntry.gcr3Word1(gcr3Root) : 0);
    }

    /** Third word of the device table entry. */
    long word2() {
        return DeviceTableEntry.GUEST_PAGING_MODE.of(guestPagingMode);
    }
}
