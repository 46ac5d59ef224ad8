package org.iommu4j.amd.table;

import org.iommu4j.layout.Layout;

/** The layout of an entry by the name that a walk gives it. */
public final class EntryFormats {
    /** Begin of the name of a device table entry. */
    static final String DEVICE = "device table entry";

    /** Begin of the name of an entry of a page; its level follows. */
    public static final String HOST_PAGE = "host page, level ";

    static final String HOST_DIRECTORY = "host directory, level ";
    static final String GCR3 = "GCR3 entry, level ";
    static final String GUEST = "guest entry, level ";

    private EntryFormats() {}

    /** The layout, or null if the name is none of a walk's. */
    public static Layout of(String what) {
        if (what.equals(DEVICE)) {
            return DeviceTableEntry.LAYOUT;
        }
        if (what.startsWith(HOST_PAGE)) {
            return HostPte.LAYOUT;
        }
        if (what.startsWith(HOST_DIRECTORY)) {
            return HostPde.LAYOUT;
        }
        if (what.startsWith(GCR3)) {
            return Gcr3Entry.LAYOUT;
        }
        return what.startsWith(GUEST) ? GuestPte.LAYOUT : null;
    }
}
