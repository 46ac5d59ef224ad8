package org.iommu4j.intel.table;

import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.intel.command.FaultReason;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.simulation.memory.TableCursors;

/**
 * Walks first-stage tables, VT-d 3.6; nested, each address of a table is one of the guest, which the second stage translates
 * first, 3.8. What is wrong with an entry at any level goes before what it does not permit. Allocates nothing; the outcome
 * stands in the accessors until the next walk.
 */
public final class FirstStageWalker {
    /** U/S of all levels; beside {@link #WRITE}. */
    public static final int USER = DmaAccess.READ;

    /** R/W of all levels. */
    public static final int WRITE = DmaAccess.WRITE;

    private static final int OK = TableWalker.OK;
    private static final int MAX_LEVEL = 5;
    private static final int LEVEL_2M = 2;
    private static final int LEVEL_1G = 3;

    private final TableCursors tables;
    private final SecondStage secondStage;
    private final SecondStageWalker second;
    private final int highestLeaf;
    private final long[] reservedInTable = new long[MAX_LEVEL + 1];
    private final long[] reservedInLeaf = new long[MAX_LEVEL + 1];

    private int topLevel;
    private int level;
    private int rights;
    private long pageAddress;
    private long leafAt;
    private long leafEntry;
    private boolean leafWritable;
    private long secondLeafAt;
    private final long[] nextTable = new long[MAX_LEVEL + 1];
    private final int[] rightsAt = new int[MAX_LEVEL + 1];

    /** Finds where addresses of the guest are; the outcome stands in the accessors of the {@link SecondStageWalker}. */
    @FunctionalInterface
    public interface SecondStage {
        /**
         * Translates an address of the guest.
         *
         * @return {@link TableWalker#OK} or a code of {@link FaultReason}
         */
        int find(AddressSpace space, long address, WalkListener listener);
    }

    /**
     * A walker for one unit.
     *
     * @param tables where first-stage tables are
     * @param hostAddressWidth physical address width in bits, 32 to 52
     * @param secondStage how addresses of guests are translated
     * @param second where the outcome of that stands
     */
    public FirstStageWalker(
            VtdCapabilities unit,
            PhysicalMemory tables,
            int hostAddressWidth,
            SecondStage secondStage,
            SecondStageWalker second) {
        this.tables = new TableCursors(tables, MAX_LEVEL);
        this.secondStage = secondStage;
        this.second = second;
        highestLeaf = Cap.FS1GP.isSet(unit.cap()) ? LEVEL_1G : LEVEL_2M;
        long beyondHost = FsPte.ADDR.mask() & (-1L << hostAddressWidth);
        for (int at = 1; at <= MAX_LEVEL; at++) {
            long inLargePage = FsPte.ADDR.mask() & ~(-1L << Agaw.shift(at)) & (-1L << FsPte.LARGE_PAGE_RESERVED_SHIFT);
            reservedInTable[at] = beyondHost | FsPte.PS.mask();
            reservedInLeaf[at] = beyondHost | (at == 1 ? 0 : inLargePage);
        }
    }

    /** True if an address is one of a table with those levels: its upper bits are all alike, VT-d 3.6. */
    public static boolean isCanonical(long address, int levels) {
        int unused = Long.SIZE - Agaw.width(Agaw.ofLevels(levels));
        return address << unused >> unused == address;
    }

    /**
     * Walks a table. At each level:
     *
     * <ol>
     *   <li>Nine bits of the address select the entry, 9.7. Nested, the second stage must let it be read, and written too where
     *       the second stage has flags.
     *   <li>It is present, its reserved bits are 0, and nested, its address is one that the second stage translates.
     *   <li>A leaf, at level 1 or with PS set, ends the walk.
     *   <li>Otherwise its accessed flags are set, and the walk goes on at the next table. The flags of the leaf are set by
     *       {@link #markLeaf}, once the access is known to be permitted.
     * </ol>
     *
     * @param table address of the table of {@code fromLevel}; one of the guest if nested
     * @param fromLevel level at which the walk enters, 1 to 5
     * @param granted {@link #USER} and {@link #WRITE} of the levels above
     * @param address to translate, canonical
     * @return {@link TableWalker#OK} or a code of {@link FaultReason}
     */
    public int walk(AddressSpace space, long table, int fromLevel, int granted, long address, WalkListener listener) {
        boolean nested = space.type() == PasidEntry.NESTED;
        topLevel = fromLevel;
        level = fromLevel;
        rights = granted;
        long at = table;
        while (true) {
            boolean top = level == space.firstStageLevels();
            // 1. the entry
            long entryAt = at + (long) Agaw.index(address, level) * Long.BYTES;
            if (nested) {
                int fault = locate(space, entryAt, top, listener);
                if (fault != OK) {
                    return fault;
                }
                entryAt = second.translate(entryAt);
                leafWritable = (second.rights() & DmaAccess.WRITE) != 0;
                secondLeafAt = second.leafAt();
            }
            long entry;
            try {
                entry = tables.readLongLe(level - 1, entryAt);
            } catch (BusErrorException e) {
                return top ? FaultReason.FIRST_STAGE_TOP_ACCESS.code() : FaultReason.FIRST_STAGE_ACCESS.code();
            }
            if (listener != null) {
                listener.step(ScalableWalk.FIRST_STAGE + ", level " + level, entryAt, entry);
            }
            // 2. what it says
            if (!FsPte.P.isSet(entry)) {
                return FaultReason.FIRST_STAGE_NOT_PRESENT.code();
            }
            boolean leaf = level == 1 || (FsPte.PS.isSet(entry) && level <= highestLeaf);
            if ((entry & (leaf ? reservedInLeaf[level] : reservedInTable[level])) != 0) {
                return FaultReason.FIRST_STAGE_RESERVED.code();
            }
            long target = FsPte.ADDR.get(entry) & (leaf ? -1L << Agaw.shift(level) : -1L);
            if (nested && target > space.lastSecondStageAddress()) {
                return FaultReason.FIRST_STAGE_BEYOND_WIDTH.code();
            }
            rights &= (FsPte.US.isSet(entry) ? USER : 0) | (FsPte.RW.isSet(entry) ? WRITE : 0);
            leafAt = entryAt;
            // 3. a leaf
            if (leaf) {
                leafEntry = entry;
                pageAddress = target;
                return OK;
            }
            // 4. the next table
            int marked = mark(space, entry, FsPte.A.mask());
            if (marked != OK) {
                return marked;
            }
            at = target;
            nextTable[level] = at;
            rightsAt[level] = rights;
            level--;
        }
    }

    /** Nested: finds where an entry is, and whether the second stage lets it be read. */
    private int locate(AddressSpace space, long entryAt, boolean top, WalkListener listener) {
        int fault = secondStage.find(space, entryAt, listener);
        if (fault != OK) {
            return fault;
        }
        int needed = space.secondStageFlags() ? DmaAccess.READ | DmaAccess.WRITE : DmaAccess.READ;
        if ((second.rights() & needed) == needed) {
            return OK;
        }
        return top ? FaultReason.FIRST_STAGE_TOP_READ_DENIED.code() : FaultReason.FIRST_STAGE_READ_DENIED.code();
    }

    /**
     * Sets the flags of the leaf that the last walk found, VT-d 3.6.2.
     *
     * @param dirty true if the page is written
     * @return {@link TableWalker#OK} or a code of {@link FaultReason}
     */
    public int markLeaf(AddressSpace space, boolean dirty) {
        return mark(space, leafEntry, FsPte.A.mask() | (dirty ? FsPte.D.mask() : 0));
    }

    /** Sets flags of the entry that was read last, once for each walk; nested, its page becomes one that is written. */
    private int mark(AddressSpace space, long entry, long accessed) {
        long flags = accessed | (space.extendedAccessed() ? FsPte.EA.mask() : 0);
        boolean nested = space.type() == PasidEntry.NESTED;
        try {
            if ((entry & flags) != flags) {
                if (nested && !leafWritable) {
                    return FaultReason.FIRST_STAGE_WRITE_DENIED.code();
                }
                if (!space.walkSnooped()) {
                    return FaultReason.FIRST_STAGE_FLAG_NOT_SNOOPED.code();
                }
                tables.memory().writeLongLe(leafAt, entry | flags);
            }
        } catch (BusErrorException | BackendException e) {
            return FaultReason.FIRST_STAGE_FLAG_FAILED.code();
        }
        return nested ? second.markLeaf(space, secondLeafAt, true) : OK;
    }

    /** Level at which the last walk entered. */
    public int topLevel() {
        return topLevel;
    }

    /** Level at which the last walk ended. */
    public int level() {
        return level;
    }

    /** {@link #USER} and {@link #WRITE} of all levels that the last walk saw. */
    public int rights() {
        return rights;
    }

    /** Address of the page that the last walk found; one of the guest if nested. */
    public long pageAddress() {
        return pageAddress;
    }

    /** The table to which the entry of {@code atLevel} pointed, for levels from {@link #topLevel} to above {@link #level}. */
    public long nextTable(int atLevel) {
        return nextTable[atLevel];
    }

    /** {@link #USER} and {@link #WRITE} down to and with the entry of {@code atLevel}. */
    public int rightsAt(int atLevel) {
        return rightsAt[atLevel];
    }
}
