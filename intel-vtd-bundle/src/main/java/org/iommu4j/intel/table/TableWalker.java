package org.iommu4j.intel.table;

import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.intel.command.FaultReason;

/**
 * Walks legacy-mode tables as the hardware does, VT-d 3.4.2 and 3.7. It reads memory and nothing else, and allocates nothing;
 * the outcome of a walk stands in its accessors until the next one.
 */
public final class TableWalker {
    /** Begin of the name of a second-stage entry in a walk; its level follows. */
    public static final String SECOND_STAGE = "second-stage entry";

    /** Wanted right of a zero-length read where CAP.ZLR is set: any permission is enough. */
    public static final int ANY = 4;

    /** Outcome of a walk that found what it looked for. */
    public static final int OK = 0;

    private static final int RIGHTS = DmaAccess.READ | DmaAccess.WRITE;
    private static final int MAX_LEVEL = Agaw.levels(Agaw.MAX_AW);

    private static final long ROOT_RESERVED_1 = RootEntry.LAYOUT.reservedMask(1);

    private final WalkerConfig config;
    private final PhysicalMemory memory;
    private final PhysicalMemory guestTables;

    /** Bits that must be zero in the words of a context entry. */
    private final long contextReserved0;

    private final long contextReserved1;

    /** Bits of a table's address that must be zero, unless TT is pass-through. */
    private final long tableReserved;

    private final long rootReserved0;

    /** Bits that must be zero, by level, in an entry that points to a table, and in a leaf. */
    private final long[] reservedInTable = new long[MAX_LEVEL + 1];

    private final long[] reservedInLeaf = new long[MAX_LEVEL + 1];

    private long context0;
    private long context1;

    private long pageAddress;
    private int level;
    private int rights;
    private boolean entryCacheable;
    private int topLevel;
    private final long[] nextTable = new long[MAX_LEVEL + 1];
    private final int[] rightsAt = new int[MAX_LEVEL + 1];

    /**
     * A walker for one unit.
     *
     * @param memory where root and context tables are, and the host's own second-stage tables, which no guest writes
     * @param guestTables where second-stage tables of guests are
     */
    public TableWalker(WalkerConfig config, PhysicalMemory memory, PhysicalMemory guestTables) {
        this.config = config;
        this.memory = memory;
        this.guestTables = guestTables;
        long hostMask = (1L << config.hostAddressWidth()) - 1;
        long beyondHost = SlPte.ADDR.mask() & ~hostMask;
        rootReserved0 = RootEntry.LAYOUT.reservedMask(0) | (RootEntry.CTP.mask() & ~hostMask);
        long domains = (1L << config.domainIdBits()) - 1;
        contextReserved0 = ContextEntry.LAYOUT.reservedMask(0);
        contextReserved1 =
                ContextEntry.LAYOUT.reservedMask(1) | (ContextEntry.DID.mask() & ~ContextEntry.DID.of(domains));
        tableReserved = ContextEntry.SSPTPTR.mask() & ~hostMask;
        for (int at = 1; at <= MAX_LEVEL; at++) {
            long common = beyondHost | SlPte.LAYOUT.reservedMask(0);
            reservedInTable[at] = common | SlPte.PS.mask() | SlPte.SNP.mask();
            reservedInLeaf[at] = common
                    | (config.snoopControl() ? 0 : SlPte.SNP.mask())
                    | (SlPte.ADDR.mask() & ~(-1L << Agaw.shift(at)));
        }
    }

    /**
     * Reads the context entry of a device, VT-d 3.4.2; {@link #context0} and {@link #context1} hold it, or zero if the walk
     * ended before it was read.
     *
     * <ol>
     *   <li>The bus number selects the root entry, 9.1.
     *   <li>It is present, and its reserved bits are 0.
     *   <li>Device and function number select the context entry, 9.3.
     *   <li>It is present, its reserved bits are 0, and the unit can do what it says.
     * </ol>
     *
     * @param rootTable physical address of the root table
     * @param sourceId bus in bits 15:8, device and function below
     * @return {@link #OK} or a code of {@link FaultReason}
     */
    public int readContext(long rootTable, int sourceId, WalkListener listener) {
        context0 = 0;
        context1 = 0;
        // 1. the root entry
        long rootAt = rootTable + TableIndex.BUS.get(sourceId) * RootEntry.BYTES;
        long root;
        long rootHigh;
        try {
            root = memory.readLongLe(rootAt);
            rootHigh = memory.readLongLe(rootAt + Long.BYTES);
        } catch (BusErrorException e) {
            return FaultReason.ROOT_ACCESS.code();
        }
        if (listener != null) {
            listener.step("root entry", rootAt, root);
        }
        // 2. what it says
        if (!RootEntry.P.isSet(root)) {
            return FaultReason.ROOT_NOT_PRESENT.code();
        }
        if ((root & rootReserved0) != 0 || (rootHigh & ROOT_RESERVED_1) != 0) {
            return FaultReason.ROOT_RESERVED.code();
        }
        // 3. the context entry
        long contextAt = RootEntry.CTP.get(root) + TableIndex.DEVICE_FUNCTION.get(sourceId) * ContextEntry.BYTES;
        long low;
        long high;
        try {
            low = memory.readLongLe(contextAt);
            high = memory.readLongLe(contextAt + Long.BYTES);
        } catch (BusErrorException e) {
            return FaultReason.CONTEXT_ACCESS.code();
        }
        context0 = low;
        context1 = high;
        if (listener != null) {
            listener.step("context entry", contextAt, low);
        }
        // 4. what it says
        if (!ContextEntry.P.isSet(low)) {
            return FaultReason.CONTEXT_NOT_PRESENT.code();
        }
        boolean walks = ContextEntry.TT.getInt(low) != ContextEntry.PASS_THROUGH;
        if ((low & contextReserved0) != 0 || (walks && (low & tableReserved) != 0) || (high & contextReserved1) != 0) {
            return FaultReason.CONTEXT_RESERVED.code();
        }
        return isLegal(low, high) ? OK : FaultReason.CONTEXT_INVALID.code();
    }

    /** First word of the context entry that was read last. */
    public long context0() {
        return context0;
    }

    /** Second word of the context entry that was read last. */
    public long context1() {
        return context1;
    }

    /** The largest address that a table of {@code aw} translates on this unit. */
    public long lastAddress(int aw) {
        return (1L << Math.min(Agaw.width(aw), config.mgawBits())) - 1;
    }

    /**
     * Walks a second-stage table, VT-d 3.7. At each level:
     *
     * <ol>
     *   <li>Nine bits of the address select the entry, 9.8.
     *   <li>3.7.1: the permissions of all levels together are enough; checked before reserved bits.
     *   <li>3.7: the entry is a leaf at level 1, or with PS set where CAP.SSLPS has the size.
     *   <li>Its reserved bits are 0.
     *   <li>A leaf ends the walk; otherwise it goes on at the next table.
     * </ol>
     *
     * @param root the table that the context entry names
     * @param table physical address of the table of {@code fromLevel}
     * @param fromLevel level at which the walk enters, 1 to 5
     * @param granted permissions of the levels above, as {@link DmaAccess#READ} and {@link DmaAccess#WRITE}
     * @param iova address to translate, at most {@link #lastAddress}
     * @param needed wanted rights, or {@link #ANY}
     * @return {@link #OK} or a code of {@link FaultReason}
     */
    public int walk(long root, long table, int fromLevel, int granted, long iova, int needed, WalkListener listener) {
        PhysicalMemory tables = guestTables.contains(root, Long.BYTES) ? guestTables : memory;
        topLevel = fromLevel;
        level = fromLevel;
        rights = granted;
        entryCacheable = false;
        long at = table;
        try {
            while (true) {
                // 1. the entry
                long entryAt = at + (long) Agaw.index(iova, level) * SlPte.BYTES;
                long entry = tables.readLongLe(entryAt);
                if (listener != null) {
                    listener.step(SECOND_STAGE + ", level " + level, entryAt, entry);
                }
                // 2. permissions: of all levels together, since a zero-length read needs one right that every level
                // grants
                int entryRights = (int) entry & RIGHTS;
                rights &= entryRights;
                int denied = denial(rights, needed);
                if (denied != OK) {
                    entryCacheable = entryRights == 0;
                    return denied;
                }
                // 3. leaf or table
                boolean leaf = level == 1 || (SlPte.PS.isSet(entry) && isSuperpageLevel(level));
                // 4. reserved bits
                if ((entry & (leaf ? reservedInLeaf[level] : reservedInTable[level])) != 0) {
                    entryCacheable = true;
                    return FaultReason.PAGING_ENTRY_RESERVED.code();
                }
                // 5. where it leads
                if (leaf) {
                    pageAddress = SlPte.ADDR.get(entry);
                    return OK;
                }
                at = SlPte.ADDR.get(entry);
                nextTable[level] = at;
                rightsAt[level] = rights;
                level--;
            }
        } catch (BusErrorException e) {
            return table == root && level == fromLevel
                    ? FaultReason.CONTEXT_INVALID.code()
                    : FaultReason.PAGING_ENTRY_ACCESS.code();
        }
    }

    /**
     * Compares permissions: {@link #OK}, write denied or read denied.
     *
     * @param granted permissions that are there
     * @param needed wanted rights, or {@link #ANY}
     */
    public static int denial(int granted, int needed) {
        if ((needed & ~granted) == 0 || (needed == ANY && granted != 0)) {
            return OK;
        }
        return (needed & DmaAccess.WRITE & ~granted) != 0
                ? FaultReason.WRITE_DENIED.code()
                : FaultReason.READ_DENIED.code();
    }

    /** Physical address of the page that the last walk found. */
    public long pageAddress() {
        return pageAddress;
    }

    /** Level at which the last walk ended. */
    public int level() {
        return level;
    }

    /** Permissions of all levels that the last walk saw. */
    public int rights() {
        return rights;
    }

    /** True if the last walk failed at an entry that caching mode lets a chip keep: not present, or with reserved bits. */
    public boolean entryCacheable() {
        return entryCacheable;
    }

    /** Level at which the last walk entered; the tables below it down to {@link #level} were found on the way. */
    public int topLevel() {
        return topLevel;
    }

    /** The table to which the entry of {@code atLevel} pointed, for levels above {@link #level}. */
    public long nextTable(int atLevel) {
        return nextTable[atLevel];
    }

    /** Permissions down to and with the entry of {@code atLevel}, for levels above {@link #level}. */
    public int rightsAt(int atLevel) {
        return rightsAt[atLevel];
    }

    private boolean isLegal(long low, long high) {
        if (!Agaw.isSupported(ContextEntry.AW.getInt(high), config.sagaw())) {
            return false;
        }
        return switch (ContextEntry.TT.getInt(low)) {
            case ContextEntry.UNTRANSLATED_ONLY -> true;
            case ContextEntry.DEVICE_TLB -> config.deviceTlb();
            case ContextEntry.PASS_THROUGH -> config.passThrough();
            default -> false;
        };
    }

    private boolean isSuperpageLevel(int at) {
        return at <= 3 && (config.sps() >>> (at - 2) & 1) != 0;
    }
}
