package org.iommu4j.amd.table;

import org.iommu4j.amd.command.AmdViEvents.IoPageFault;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.simulation.memory.TableCursors;

/**
 * Walks host (v1) page tables as the hardware does, 48882 2.2.3. It allocates nothing; the outcome of a walk stands in its
 * accessors until the next one.
 */
public final class HostWalker {
    /** How a walk ended. */
    public enum Result {
        /** It found a page. */
        FOUND,
        /** A page fault; {@link #flags} says why. */
        FAULT,
        /** An entry could not be read or written; {@link #entryAddress} says which. */
        UNREADABLE
    }

    /** No entry was read at a level, or it led to no table. */
    public static final long NOWHERE = -1;

    /** log2 of the pages of 512 GiB, which some parts cannot have. */
    private static final int LARGE_SHIFT = 39;

    /** All rights that a host table can give. */
    public static final int RIGHTS = DmaAccess.READ | DmaAccess.WRITE;

    private static final int LOWEST_SIZE_BIT = 12;

    private static final String[] PAGE_NAMES = names(EntryFormats.HOST_PAGE);
    private static final String[] DIRECTORY_NAMES = names(EntryFormats.HOST_DIRECTORY);

    private static final long RESERVED_IN_PAGE = HostPte.LAYOUT.reservedMask(0) | HostPte.MIGRATION.mask();
    private static final long RESERVED_IN_DIRECTORY = HostPde.LAYOUT.reservedMask(0) | HostPde.MIGRATION.mask();

    private final TableCursors tablesOfHost;
    private final TableCursors tablesOfGuests;
    private final WalkerConfig config;

    /** Those that the last walk went through. */
    private TableCursors tables;

    private long flags;
    private long entryAddress;
    private int level;
    private boolean absent;
    private long pageAddress;
    private int pageShift;
    private int rights;
    private int reads;
    private int topLevel;

    /** By level: the table to which its entry led; where the entry is, and what it was. */
    private final long[] nextTable = new long[TableLevel.MOST + 1];

    private final int[] nextLevel = new int[TableLevel.MOST + 1];
    private final int[] rightsAt = new int[TableLevel.MOST + 1];
    private final int[] readsAt = new int[TableLevel.MOST + 1];
    private final long[] readAt = new long[TableLevel.MOST + 1];
    private final long[] word = new long[TableLevel.MOST + 1];

    /**
     * A walker.
     *
     * @param memory where tables are that the host made
     * @param guestTables where tables are that a guest made
     */
    public HostWalker(PhysicalMemory memory, PhysicalMemory guestTables, WalkerConfig config) {
        tablesOfHost = new TableCursors(memory, TableLevel.MOST);
        tablesOfGuests = new TableCursors(guestTables, TableLevel.MOST);
        this.config = config;
    }

    /** The names of the entries of all levels, made once. */
    static String[] names(String begin) {
        String[] names = new String[TableLevel.MOST + 1];
        for (int level = 0; level < names.length; level++) {
            names[level] = begin + level;
        }
        return names;
    }

    /**
     * Walks a host table. At each level n:
     *
     * <ol>
     *   <li>2.2.3: nine bits of the address select the entry, which is read; not readable: event 4.
     *   <li>PR is set; else a fault with PR=0.
     *   <li>Its reserved bits are 0, by its next level; else PR=1, RZ=1.
     *   <li>IR and IW grant what the request needs; else PR=1, PE=1.
     *   <li>A leaf is not at level 6 and has a legal size; else PR=1, RZ=0.
     *   <li>A directory entry leads to a lower level; else PR=1, RZ=0.
     *   <li>The address bits of the levels that it skips are 0; else PR=1, RZ=0.
     * </ol>
     *
     * @param ofHost true if the host made the table, false if a guest did
     * @param table physical address of the table of {@code fromLevel}
     * @param fromLevel level at which the walk enters, 1 to 6
     * @param granted rights of the levels above
     * @param address to translate, which the table's levels cover
     * @param needed wanted rights; 0 if only an answer is wanted
     */
    public Result walk(
            boolean ofHost, long table, int fromLevel, int granted, long address, int needed, WalkListener listener) {
        tables = ofHost ? tablesOfHost : tablesOfGuests;
        topLevel = fromLevel;
        level = fromLevel;
        rights = granted & RIGHTS;
        flags = 0;
        absent = false;
        reads = 0;
        long at = table;
        while (true) {
            // 1. the entry
            entryAddress = at + (long) TableLevel.index(address, level) * HostPte.BYTES;
            long entry;
            try {
                entry = tables.readLongLe(level - 1, entryAddress);
            } catch (BusErrorException e) {
                return Result.UNREADABLE;
            }
            reads++;
            int next = HostPte.NEXT_LEVEL.getInt(entry);
            boolean leaf = next == HostPte.DEFAULT_SIZE
                    || next == HostPte.ENCODED_SIZE
                    || (level == 1 && config.levelOneIsLeaf());
            if (listener != null) {
                listener.step((leaf ? PAGE_NAMES : DIRECTORY_NAMES)[level], entryAddress, entry);
            }
            // 2. present
            if (!HostPte.PR.isSet(entry)) {
                absent = true;
                return Result.FAULT;
            }
            // 3. reserved bits
            if ((entry & (leaf ? RESERVED_IN_PAGE : RESERVED_IN_DIRECTORY)) != 0) {
                flags = IoPageFault.PR.mask() | IoPageFault.RZ.mask();
                return Result.FAULT;
            }
            // 4. permission
            int entryRights =
                    (HostPte.IR.isSet(entry) ? DmaAccess.READ : 0) | (HostPte.IW.isSet(entry) ? DmaAccess.WRITE : 0);
            boolean denied = (needed & ~entryRights) != 0;
            if (denied && !config.levelFirst()) {
                flags = IoPageFault.PR.mask() | IoPageFault.PE.mask();
                return Result.FAULT;
            }
            readAt[level] = entryAddress;
            word[level] = entry;
            // 5. and 6. size of a leaf, level of a directory entry
            if (leaf ? !isSizeLegal(entry, next) : next >= level) {
                flags = IoPageFault.PR.mask();
                return Result.FAULT;
            }
            if (denied) {
                flags = IoPageFault.PR.mask() | IoPageFault.PE.mask();
                return Result.FAULT;
            }
            rights &= entryRights;
            if (leaf) {
                pageAddress = HostPte.ADDRESS.get(entry) & -1L << pageShift;
                return Result.FOUND;
            }
            // 7. the address bits of skipped levels
            long skipped = (1L << TableLevel.shift(level)) - (1L << TableLevel.shift(next + 1));
            if ((address & skipped) != 0 && !config.skippedUnchecked()) {
                flags = IoPageFault.PR.mask();
                return Result.FAULT;
            }
            at = HostPde.ADDRESS.get(entry);
            nextTable[level] = at;
            nextLevel[level] = next;
            rightsAt[level] = rights;
            readsAt[level] = reads;
            while (--level > next) {
                nextTable[level] = NOWHERE;
                readAt[level] = NOWHERE;
            }
        }
    }

    /** Sets {@link #pageShift}; false if the leaf has no legal size at its level. */
    private boolean isSizeLegal(long entry, int next) {
        if (level == TableLevel.MOST) {
            return false;
        }
        int shift = TableLevel.shift(level);
        if (next != HostPte.ENCODED_SIZE) {
            pageShift = shift;
            return shift != LARGE_SHIFT || !config.largeFaults();
        }
        pageShift = Long.numberOfTrailingZeros(~(HostPte.ADDRESS.get(entry) >>> LOWEST_SIZE_BIT)) + LOWEST_SIZE_BIT + 1;
        return pageShift > shift && pageShift < shift + TableLevel.BITS;
    }

    /**
     * Sets accessed bits in the entries that the last walk went through, and the dirty bit in its leaf.
     *
     * @param dirty true if the access writes and the entry of the device says so
     * @return {@link Result#FOUND}, or {@link Result#UNREADABLE} where memory cannot be written
     */
    public Result mark(boolean dirty) {
        for (int at = topLevel; at >= level; at--) {
            if (readAt[at] == NOWHERE) {
                continue;
            }
            long marked = word[at] | HostPte.A.mask() | (at == level && dirty ? HostPte.D.mask() : 0);
            if (marked != word[at]) {
                entryAddress = readAt[at];
                try {
                    tables.memory().writeLongLe(entryAddress, marked);
                } catch (BusErrorException | BackendException e) {
                    return Result.UNREADABLE;
                }
            }
        }
        return Result.FOUND;
    }

    /** Flags of the page fault, of {@link IoPageFault}. */
    public long flags() {
        return flags;
    }

    /** True if the fault is that an entry is not present. */
    public boolean isAbsent() {
        return absent;
    }

    /** Address of the entry that ended the walk. */
    public long entryAddress() {
        return entryAddress;
    }

    /** Level at which the walk ended. */
    public int level() {
        return level;
    }

    /** Level at which the walk entered. */
    public int topLevel() {
        return topLevel;
    }

    /** First physical address of the page. */
    public long pageAddress() {
        return pageAddress;
    }

    /** log2 of the size of the page. */
    public int pageShift() {
        return pageShift;
    }

    /** Rights of all levels together. */
    public int rights() {
        return rights;
    }

    /** Entries that were read. */
    public int reads() {
        return reads;
    }

    /** The table to which the entry of {@code atLevel} led, or {@link #NOWHERE}. */
    public long nextTable(int atLevel) {
        return nextTable[atLevel];
    }

    /** The level of {@link #nextTable}. */
    public int nextLevel(int atLevel) {
        return nextLevel[atLevel];
    }

    /** Rights down to and with the entry of {@code atLevel}. */
    public int rightsAt(int atLevel) {
        return rightsAt[atLevel];
    }

    /** Entries that were read down to and with that of {@code atLevel}. */
    public int readsAt(int atLevel) {
        return readsAt[atLevel];
    }
}
