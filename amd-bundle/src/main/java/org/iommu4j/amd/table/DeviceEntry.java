package org.iommu4j.amd.table;

import org.iommu4j.backend.DmaAccess;

/** A device table entry taken apart; reused, so that looking at one allocates nothing. */
public final class DeviceEntry {
    private static final int GUEST_LEVELS = 4;

    private long word0;
    private long word1;
    private long word2;
    private long word3;
    private int mode;
    private long hostRoot;
    private int rights;
    private int domain;
    private boolean guest;
    private long gcr3Root;
    private boolean reserved;
    private boolean levelWrong;
    private boolean plain;
    private boolean ofHost;

    private final DeviceEntryCheck check;

    /**
     * An entry of zeros.
     *
     * @param check what the unit takes for illegal
     */
    public DeviceEntry(DeviceEntryCheck check) {
        this.check = check;
    }

    /** Takes the four words of an entry. */
    public DeviceEntry set(long first, long second, long third, long fourth) {
        word0 = first;
        word1 = second;
        word2 = third;
        word3 = fourth;
        mode = DeviceTableEntry.MODE.getInt(first);
        hostRoot = DeviceTableEntry.HOST_ROOT.get(first);
        rights = (DeviceTableEntry.IR.isSet(first) ? DmaAccess.READ : 0)
                | (DeviceTableEntry.IW.isSet(first) ? DmaAccess.WRITE : 0);
        domain = DeviceTableEntry.DOMAIN_ID.getInt(second);
        guest = DeviceTableEntry.GV.isSet(first);
        gcr3Root = DeviceTableEntry.gcr3Root(first, second);
        reserved = check.isReserved(first, second);
        levelWrong = check.isLevelWrong(first, third);
        ofHost = false;
        plain = isValid() && translates() && !reserved && !levelWrong;
        return this;
    }

    /** A word of the entry. */
    public long word(int number) {
        return switch (number) {
            case 0 -> word0;
            case 1 -> word1;
            case 2 -> word2;
            default -> word3;
        };
    }

    /** True if the entry translates and nothing is wrong with it: V, TV, no reserved bits, levels that the unit has. */
    public boolean isPlain() {
        return plain;
    }

    /** A reserved bit or code of the half for memory requests; counts with V. */
    public boolean isReserved() {
        return reserved;
    }

    /** The levels of the tables are none of the unit's; counts with V and TV. */
    public boolean isLevelWrong() {
        return levelWrong;
    }

    /** Fault of the half for interrupts; counts with IV. */
    public DeviceEntryCheck.Verdict interrupts() {
        return check.interrupts(word2, word3);
    }

    /** V: the half for memory requests is valid. */
    public boolean isValid() {
        return DeviceTableEntry.V.isSet(word0);
    }

    /** TV. */
    public boolean translates() {
        return DeviceTableEntry.TV.isSet(word0);
    }

    /** Levels of the host table; 0 if there is none. */
    public int mode() {
        return mode;
    }

    /** Root of the host table. */
    public long hostRoot() {
        return hostRoot;
    }

    /** True if the host made the host table, so that it may be in pages where no table of a guest is. */
    public boolean isOfHost() {
        return ofHost;
    }

    /** Says whose the host table is: a guest's until then. */
    public void ofHost(boolean made) {
        ofHost = made;
    }

    /** IR and IW, as {@link DmaAccess#READ} and {@link DmaAccess#WRITE}. */
    public int rights() {
        return rights;
    }

    /** Tag of cached translations. */
    public int domain() {
        return domain;
    }

    /** GV: guest translation is valid. */
    public boolean hasGuest() {
        return guest;
    }

    /** GIOV: requests without PASID have PASID 0. */
    public boolean translatesWithoutPasid() {
        return DeviceTableEntry.GIOV.isSet(word0);
    }

    /** Root of the GCR3 table. */
    public long gcr3Root() {
        return gcr3Root;
    }

    /** Levels of the GCR3 table, 1 to 3. */
    public int gcr3Levels() {
        return DeviceTableEntry.GLX.getInt(word0) + 1;
    }

    /** Levels of guest tables: 4 or 5. */
    public int guestLevels() {
        return GUEST_LEVELS + DeviceTableEntry.GUEST_PAGING_MODE.getInt(word2);
    }

    /** HAD: hardware sets accessed bits in host tables. */
    public boolean setsAccessed() {
        return DeviceTableEntry.HAD.isSet(word0);
    }

    /** HAD: hardware sets dirty bits in host tables. */
    public boolean setsDirty() {
        return DeviceTableEntry.HAD.getInt(word0) == DeviceTableEntry.ACCESSED_AND_DIRTY;
    }

    /** I: the device may translate itself. */
    public boolean hasDeviceTlb() {
        return DeviceTableEntry.I.isSet(word1);
    }
}
