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
    private static final int TOP_LEVEL = 4;
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
    private final long[] entry = new long[2];
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

    /**
     * Finds the permissions of an address. At each level:
     *
     * <ol>
     *   <li>Eight bits of the address select the entry, at the top level eleven.
     *   <li>Its reserved bits are 0.
     *   <li>Permissions that are not zero decide; so do those of the lowest level, and those of an entry without a next table.
     * </ol>
     *
     * @param table of the top level
     * @param size HPTSZ: the table covers addresses below 2^(49+size)
     * @return {@link TableWalker#OK} or a code of {@link FaultReason}; {@link #rights} has the permissions
     */
    public int walk(long table, int size, long address, WalkListener listener) {
        rights = 0;
        if (address >>> (SMALLEST_TABLE_BITS + size) != 0) {
            return FaultReason.BEYOND_PERMISSION_TABLE.code();
        }
        long at = table;
        for (int level = TOP_LEVEL; ; level--) {
            // 1. the entry
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
            if (isReserved(level)) {
                return FaultReason.PERMISSION_RESERVED.code();
            }
            // 3. what it permits
            int page = (int) (address >>> PAGE_SHIFT[level]) & (PAGES[level] - 1);
            int shift = page * HostPermissionEntry.RIGHTS_BITS;
            rights = PAGES[level] == 0 ? 0 : (int) (entry[shift / Long.SIZE] >>> shift % Long.SIZE) & READ_WRITE;
            if (rights != 0 || level == 1 || !HostPermissionEntry.AV.isSet(entry[1])) {
                return OK;
            }
            at = HostPermissionEntry.ADDR.get(entry[1]);
        }
    }

    private boolean isReserved(int level) {
        if (level == 1) {
            return ((entry[0] | entry[1]) & HostPermissionEntry.RESERVED_RIGHTS) != 0;
        }
        int used = level == TOP_LEVEL || (level == 3 && !gigabytePages)
                ? 0
                : PAGES[level] * HostPermissionEntry.RIGHTS_BITS;
        long beyond = used == Long.SIZE ? 0 : -1L << used;
        return (entry[0] & (beyond | HostPermissionEntry.RESERVED_RIGHTS)) != 0 || (entry[1] & tableReserved) != 0;
    }

    /** What the address permits: {@link DmaAccess#READ} and {@link DmaAccess#WRITE}. */
    public int rights() {
        return rights;
    }
}
