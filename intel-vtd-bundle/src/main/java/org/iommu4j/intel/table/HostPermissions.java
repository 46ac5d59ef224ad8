package org.iommu4j.intel.table;

import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.intel.command.FaultReason;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdRegisters.Ecap;

/** Walks host permission tables, VT-d 4.2.4: what a device may do at an address of the host. Allocates nothing. */
public final class HostPermissions {
    private static final int OK = TableWalker.OK;
    /** The level of the table that a PASID entry names. */
    public static final int TOP_LEVEL = 4;

    private static final int SMALLEST_TABLE_BITS = 49;
    private static final int INDEX_BITS = 8;
    private static final int READ_WRITE = DmaAccess.READ | DmaAccess.WRITE;

    /** By level: how far an address is shifted for the index of its entry. */
    private static final int[] ENTRY_SHIFT = {0, 17, 25, 33, 41};

    /** By level: how far an address is shifted for the number of its permission, and how many permissions an entry has. */
    private static final int[] PAGE_SHIFT = {0, 12, 21, 30, 0};

    private static final int[] PAGES = {0, 32, 16, 8, 0};

    private final PhysicalMemory memory;
    private final boolean gigabytePages;
    private final long tableReserved;
    private final long[][] entries = new long[TOP_LEVEL + 1][2];
    private int topLevel;
    private int level;
    private int rights;

    /**
     * A walker for one unit.
     *
     * @param memory where the tables are
     * @param hostAddressWidth physical address width in bits, 32 to 52
     */
    public HostPermissions(VtdCapabilities unit, PhysicalMemory memory, int hostAddressWidth) {
        this.memory = memory;
        gigabytePages = Ecap.HPT1GPS.isSet(unit.ecap());
        tableReserved = HostPermissionEntry.LAYOUT.reservedMask(1)
                | (HostPermissionEntry.ADDR.mask() & (-1L << hostAddressWidth));
    }

    /** log2 of the bytes that an entry of a level covers: 17, 25, 33, 41 for levels 1 to 4. */
    public static int shift(int level) {
        return ENTRY_SHIFT[level];
    }

    /**
     * True if a table of a size covers an address.
     *
     * @param size HPTSZ: the table covers addresses below 2^(49+size)
     */
    public static boolean covers(int size, long address) {
        return address >>> (SMALLEST_TABLE_BITS + size) == 0;
    }

    /**
     * Finds the permissions of an address. At each level:
     *
     * <ol>
     *   <li>Eight bits of the address select the entry, at the top level eleven.
     *   <li>Its reserved bits are 0.
     *   <li>Permissions that are not zero decide; so do those of the lowest level, and those of an entry without a next table.
     * </ol>
     *
     * @param table of {@code fromLevel}
     * @param fromLevel level at which the walk enters, 1 to {@link #TOP_LEVEL}
     * @param address that the table of the top level covers
     * @return {@link TableWalker#OK} or a code of {@link FaultReason}; {@link #rights} has the permissions
     */
    public int walk(long table, int fromLevel, long address, WalkListener listener) {
        rights = 0;
        topLevel = fromLevel;
        level = fromLevel;
        long at = table;
        while (true) {
            // 1. the entry
            long[] entry = entries[level];
            long index = address >>> ENTRY_SHIFT[level];
            long entryAt =
                    at + (level == TOP_LEVEL ? index : index & ((1 << INDEX_BITS) - 1)) * HostPermissionEntry.BYTES;
            try {
                memory.readPairLe(entryAt, entry);
            } catch (BusErrorException e) {
                return level == TOP_LEVEL
                        ? FaultReason.PERMISSION_TOP_ACCESS.code()
                        : FaultReason.PERMISSION_ACCESS.code();
            }
            if (listener != null) {
                listener.step(ScalableWalk.PERMISSION + ", level " + level, entryAt, entry[0]);
            }
            // 2. reserved bits
            if (isReserved(entry)) {
                return FaultReason.PERMISSION_RESERVED.code();
            }
            // 3. what it permits
            if (decides(level, entry[0], entry[1], address)) {
                return OK;
            }
            at = HostPermissionEntry.ADDR.get(entry[1]);
            level--;
        }
    }

    /**
     * Takes the permissions of an address from an entry that covers it.
     *
     * @param ofLevel the entry's level
     * @return true if the entry decides; then {@link #rights} has the permissions. Otherwise it leads to the next table
     */
    public boolean decides(int ofLevel, long word0, long word1, long address) {
        int page = (int) (address >>> PAGE_SHIFT[ofLevel]) & (PAGES[ofLevel] - 1);
        int shift = page * HostPermissionEntry.RIGHTS_BITS;
        long word = shift < Long.SIZE ? word0 : word1;
        rights = PAGES[ofLevel] == 0 ? 0 : (int) (word >>> shift % Long.SIZE) & READ_WRITE;
        return rights != 0 || ofLevel == 1 || !HostPermissionEntry.AV.isSet(word1);
    }

    /** Level at which the last walk entered. */
    public int topLevel() {
        return topLevel;
    }

    /** Level at which the last walk ended. */
    public int level() {
        return level;
    }

    /** The two words of the entry of a level that the last walk read without a fault; the array is used again. */
    public long[] entry(int ofLevel) {
        return entries[ofLevel];
    }

    private boolean isReserved(long[] entry) {
        if (level == 1) {
            return ((entry[0] | entry[1]) & HostPermissionEntry.RESERVED_RIGHTS) != 0;
        }
        int used = level == TOP_LEVEL || (level == 3 && !gigabytePages)
                ? 0
                : PAGES[level] * HostPermissionEntry.RIGHTS_BITS;
        long beyond = used == Long.SIZE ? 0 : -1L << used;
        return (entry[0] & (beyond | HostPermissionEntry.RESERVED_RIGHTS)) != 0 || (entry[1] & tableReserved) != 0;
    }

    /** Permissions of the address: {@link DmaAccess#READ} and {@link DmaAccess#WRITE}. */
    public int rights() {
        return rights;
    }
}
