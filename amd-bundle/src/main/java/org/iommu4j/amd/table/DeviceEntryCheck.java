package org.iommu4j.amd.table;

import org.iommu4j.amd.command.AmdViCapabilities;
import org.iommu4j.amd.command.AmdViRegisters.Efr;
import org.iommu4j.amd.command.AmdViSettings;
import org.iommu4j.layout.BitField;
import org.iommu4j.simulation.config.SettingValues;

/** Checks whether a device table entry is legal on one unit, 48882 2.5.2, in the order of docs/spec/amd-vi.md 3.3. */
public final class DeviceEntryCheck {
    /** Wrong levels: GLX, guest paging mode, Mode. */
    public enum Verdict {
        /** Nothing is wrong. */
        LEGAL,
        /** A reserved bit or code, RZ=1. */
        RESERVED,
        /** A level that the unit does not have, RZ=0. */
        LEVEL
    }

    private static final int WORDS = DeviceTableEntry.BYTES / Long.BYTES;

    /** Codes of {@link DeviceTableEntry#GLX} above this are reserved. */
    private static final int MOST_GLX = 2;

    /** Levels of guest paging mode 0. */
    private static final int GUEST_LEVELS = 4;

    /** Codes that a field may have, a bit each. */
    private static final long HAD_CODES = codes(DeviceTableEntry.HAD);

    private static final long IOCTL_CODES = codes(DeviceTableEntry.IOCTL);
    private static final long INT_CTL_CODES = codes(DeviceTableEntry.INT_CTL);

    private final long[] reserved = new long[WORDS];
    private final boolean dirtyBits;
    private final int hostLevels;
    private final int guestLevels;
    private final int mostGlx;
    private final boolean noIdentity;

    /** The checks of a unit that is configured so. */
    public static DeviceEntryCheck of(SettingValues chosen) {
        return new DeviceEntryCheck(AmdViCapabilities.of(chosen), chosen.isSet(AmdViSettings.SNP));
    }

    /**
     * The checks of a unit.
     *
     * @param noIdentity secure nested paging is on: every entry needs a host table
     */
    public DeviceEntryCheck(AmdViCapabilities unit, boolean noIdentity) {
        for (int word = 0; word < WORDS; word++) {
            reserved[word] = DeviceTableEntry.LAYOUT.reservedMask(word, -1, unit::has);
        }
        dirtyBits = Efr.HD_SUP.isSet(unit.efr());
        hostLevels = unit.hostLevels();
        guestLevels = unit.guestLevels();
        mostGlx = Math.min(MOST_GLX, Efr.GLX_SUP.getInt(unit.efr()));
        this.noIdentity = noIdentity;
    }

    private static long codes(BitField field) {
        return field.codes().stream().mapToLong(code -> 1L << code.value()).reduce(0, (all, code) -> all | code);
    }

    private static boolean isIn(long codes, long code) {
        return ((codes >>> code) & 1) != 0;
    }

    /** The reserved bits and codes of the half for memory requests; for an entry with V. */
    public boolean isReserved(long word0, long word1) {
        int had = DeviceTableEntry.HAD.getInt(word0);
        return ((word0 & reserved[0]) | (word1 & reserved[1])) != 0
                || !isIn(HAD_CODES, had)
                || (had == DeviceTableEntry.ACCESSED_AND_DIRTY && !dirtyBits)
                || !isIn(IOCTL_CODES, DeviceTableEntry.IOCTL.get(word1))
                || (DeviceTableEntry.TV.isSet(word0) && rootIsWrong(word0));
    }

    /** A host root that must not be there, or must be. */
    private boolean rootIsWrong(long word0) {
        boolean root = DeviceTableEntry.HOST_ROOT.isSet(word0);
        return (hostLevels == 0 && root) || (noIdentity && !(root && DeviceTableEntry.MODE.isSet(word0)));
    }

    /** True if the levels of the tables are none of the unit's; for an entry with V and TV. */
    public boolean isLevelWrong(long word0, long word2) {
        return (DeviceTableEntry.GV.isSet(word0) && isGuestLevelWrong(word0, word2))
                || DeviceTableEntry.MODE.getInt(word0) > Math.min(TableLevel.MOST, hostLevels);
    }

    private boolean isGuestLevelWrong(long word0, long word2) {
        return DeviceTableEntry.GLX.getInt(word0) > mostGlx
                || GUEST_LEVELS + DeviceTableEntry.GUEST_PAGING_MODE.getInt(word2)
                        > Math.min(GUEST_LEVELS + 1, guestLevels);
    }

    /** Fault of the half for interrupts; for an entry with IV. */
    public Verdict interrupts(long word2, long word3) {
        if (((word2 & reserved[2]) | (word3 & reserved[3])) != 0
                || !isIn(INT_CTL_CODES, DeviceTableEntry.INT_CTL.get(word2))) {
            return Verdict.RESERVED;
        }
        boolean tooLong = DeviceTableEntry.INT_CTL.getInt(word2) == DeviceTableEntry.INT_REMAP
                && DeviceTableEntry.INT_TAB_LEN.getInt(word2) > DeviceTableEntry.MOST_INT_TAB_LEN;
        return tooLong ? Verdict.LEVEL : Verdict.LEGAL;
    }
}
