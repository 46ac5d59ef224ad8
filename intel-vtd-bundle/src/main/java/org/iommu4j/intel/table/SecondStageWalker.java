package org.iommu4j.intel.table;

import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.intel.command.FaultReason;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.simulation.memory.TableCursors;

/**
 * Walks second-stage tables as scalable mode does, VT-d 3.7. What is wrong with an entry at any level goes before what it does
 * not permit, 3.7.1, so permissions are left to the caller. Allocates nothing; the outcome stands in the accessors until the
 * next walk.
 */
public final class SecondStageWalker {
    private static final int OK = TableWalker.OK;
    private static final int MAX_LEVEL = Agaw.levels(Agaw.MAX_AW);

    private final TableCursors tablesOfHost;
    private final TableCursors tablesOfGuests;
    private final long superpages;
    private final long[] reservedInTable = new long[MAX_LEVEL + 1];
    private final long[] reservedInLeaf = new long[MAX_LEVEL + 1];

    /** RTADDR.SSIRWE: permissions stand in IR and IW. */
    private boolean separateRights;

    /** Those of the space that is walked. */
    private TableCursors tables;

    private int topLevel;
    private int level;
    private int rights;
    private long leafAt;
    private boolean entryCacheable;
    private long pageAddress;
    private final long[] nextTable = new long[MAX_LEVEL + 1];
    private final int[] rightsAt = new int[MAX_LEVEL + 1];

    /**
     * A walker for one unit.
     *
     * @param memory where the host's own second-stage tables are, which no guest writes
     * @param guestTables where those of guests are
     * @param hostAddressWidth physical address width in bits, 32 to 52
     */
    public SecondStageWalker(
            VtdCapabilities unit,
            int subVersion,
            PhysicalMemory memory,
            PhysicalMemory guestTables,
            int hostAddressWidth) {
        tablesOfHost = new TableCursors(memory, MAX_LEVEL);
        tablesOfGuests = new TableCursors(guestTables, MAX_LEVEL);
        tables = tablesOfGuests;
        superpages = Cap.SSLPS.get(unit.cap());
        long hostBits = (1L << hostAddressWidth) - 1;
        boolean snoopControl = Ecap.SC.isSet(unit.ecap());
        long always = SsPte.LAYOUT.reservedMask(0, subVersion, unit::has) & ~(SsPte.IW.mask() | SsPte.SNP.mask());
        long common = always | (SsPte.ADDR.mask() & ~hostBits);
        for (int at = 1; at <= MAX_LEVEL; at++) {
            reservedInTable[at] = common | SsPte.PS.mask() | SsPte.SNP.mask();
            reservedInLeaf[at] =
                    common | (snoopControl ? 0 : SsPte.SNP.mask()) | (SsPte.ADDR.mask() & ~(-1L << Agaw.shift(at)));
        }
    }

    /** Sets where permissions stand. */
    public void separateRights(boolean on) {
        separateRights = on;
    }

    /** An access begins: whose table it is decides what memory the walks of the access read, and owners may have changed. */
    public void enter(AddressSpace space) {
        boolean ofGuest = tablesOfGuests.memory().contains(space.secondStageTable(), Long.BYTES);
        tables = ofGuest ? tablesOfGuests : tablesOfHost;
    }

    /**
     * Walks a table of the space that was entered. At each level:
     *
     * <ol>
     *   <li>Nine bits of the address select the entry, 9.8.
     *   <li>It permits something, and its reserved bits are 0.
     *   <li>A leaf, at level 1 or with PS set where CAP.SSLPS has the size, ends the walk: all levels together must permit
     *       something.
     *   <li>Otherwise its accessed flag is set, where the space has flags, and the walk goes on at the next table. The flags of
     *       the leaf are set by {@link #markLeaf}, once the access is known to be permitted.
     * </ol>
     *
     * @param table physical address of the table of {@code fromLevel}
     * @param fromLevel level at which the walk enters, 1 to 5
     * @param granted permissions of the levels above, as {@link DmaAccess#READ} and {@link DmaAccess#WRITE}
     * @param address to translate, at most {@link AddressSpace#lastSecondStageAddress}
     * @return {@link TableWalker#OK} or a code of {@link FaultReason}
     */
    public int walk(AddressSpace space, long table, int fromLevel, int granted, long address, WalkListener listener) {
        topLevel = fromLevel;
        level = fromLevel;
        rights = granted;
        entryCacheable = false;
        long at = table;
        while (true) {
            // 1. the entry
            long entryAt = at + (long) Agaw.index(address, level) * SlPte.BYTES;
            long entry;
            try {
                entry = tables.readLongLe(level - 1, entryAt);
            } catch (BusErrorException e) {
                return level == space.secondStageLevels()
                        ? FaultReason.SECOND_STAGE_TOP_ACCESS.code()
                        : FaultReason.SECOND_STAGE_ACCESS.code();
            }
            if (listener != null) {
                listener.step(ScalableWalk.SECOND_STAGE + ", level " + level, entryAt, entry);
            }
            // 2. what it says
            int entryRights = rightsOf(entry);
            if (entryRights == 0) {
                entryCacheable = true;
                return FaultReason.SECOND_STAGE_NOT_PRESENT.code();
            }
            boolean leaf = level == 1 || (SsPte.PS.isSet(entry) && isSuperpageLevel());
            if (isReserved(entry, leaf)) {
                entryCacheable = true;
                return FaultReason.SECOND_STAGE_RESERVED.code();
            }
            rights &= entryRights;
            // 3. a leaf
            if (leaf) {
                leafAt = entryAt;
                pageAddress = SsPte.ADDR.get(entry);
                return rights == 0 ? FaultReason.SECOND_STAGE_NOT_PRESENT.code() : OK;
            }
            // 4. the next table
            if (space.secondStageFlags()) {
                int marked = mark(space, entryAt, entry, SsPte.A.mask());
                if (marked != OK) {
                    return marked;
                }
            }
            at = SsPte.ADDR.get(entry);
            nextTable[level] = at;
            rightsAt[level] = rights;
            level--;
        }
    }

    private int rightsOf(long entry) {
        return separateRights
                ? (SsPte.IR.isSet(entry) ? DmaAccess.READ : 0) | (SsPte.IW.isSet(entry) ? DmaAccess.WRITE : 0)
                : (SsPte.R.isSet(entry) ? DmaAccess.READ : 0) | (SsPte.W.isSet(entry) ? DmaAccess.WRITE : 0);
    }

    private boolean isReserved(long entry, boolean leaf) {
        long wrong = leaf ? reservedInLeaf[level] : reservedInTable[level];
        return (entry & (separateRights ? wrong : wrong | SsPte.IW.mask())) != 0;
    }

    private boolean isSuperpageLevel() {
        return level <= 3 && (superpages >>> (level - 2) & 1) != 0;
    }

    /**
     * Sets the flags of a leaf, where the space has flags, VT-d 3.7.2.
     *
     * @param at where the leaf is, {@link #leafAt}
     * @param dirty true if the page is written
     * @return {@link TableWalker#OK} or a code of {@link FaultReason}
     */
    public int markLeaf(AddressSpace space, long at, boolean dirty) {
        if (!space.secondStageFlags()) {
            return OK;
        }
        try {
            return mark(space, at, tables.memory().readLongLe(at), SsPte.A.mask() | (dirty ? SsPte.D.mask() : 0));
        } catch (BusErrorException e) {
            return FaultReason.SECOND_STAGE_FLAG_FAILED.code();
        }
    }

    private int mark(AddressSpace space, long at, long entry, long flags) {
        try {
            if ((entry & flags) == flags) {
                return OK;
            }
            if (!space.walkSnooped()) {
                return FaultReason.SECOND_STAGE_FLAG_NOT_SNOOPED.code();
            }
            tables.memory().writeLongLe(at, entry | flags);
            return OK;
        } catch (BusErrorException | BackendException e) {
            return FaultReason.SECOND_STAGE_FLAG_FAILED.code();
        }
    }

    /** Level at which the last walk entered. */
    public int topLevel() {
        return topLevel;
    }

    /** Level at which the last walk ended. */
    public int level() {
        return level;
    }

    /** Permissions of all levels that the last walk saw. */
    public int rights() {
        return rights;
    }

    /** Address of the leaf that the last walk found. */
    public long leafAt() {
        return leafAt;
    }

    /** Physical address of the page that the last walk found. */
    public long pageAddress() {
        return pageAddress;
    }

    /** True if the last walk failed at an entry that caching mode lets a chip keep: not present, or with reserved bits. */
    public boolean entryCacheable() {
        return entryCacheable;
    }

    /** The table to which the entry of {@code atLevel} pointed, for levels from {@link #topLevel} to above {@link #level}. */
    public long nextTable(int atLevel) {
        return nextTable[atLevel];
    }

    /** Permissions down to and with the entry of {@code atLevel}. */
    public int rightsAt(int atLevel) {
        return rightsAt[atLevel];
    }

    /** The physical address of an address in the page that the last walk found. */
    public long translate(long address) {
        return pageAddress | (address & ((1L << Agaw.shift(level)) - 1));
    }
}
