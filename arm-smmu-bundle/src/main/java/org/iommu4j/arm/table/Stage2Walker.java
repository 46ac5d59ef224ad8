package org.iommu4j.arm.table;

import org.iommu4j.arm.command.EventFields;
import org.iommu4j.arm.command.EventType;
import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.WalkListener;

/**
 * Walks the stage-2 tables that a stream table entry names, IHI 0070 3.3.2 and DDI 0487 D8.2. It reads memory, and updates
 * descriptors where the entry says so; it allocates nothing. The outcome of a walk stands in its accessors until the next one.
 */
public final class Stage2Walker {
    /** Begin of a descriptor's name in a walk; its level follows. */
    public static final String STEP = "stage-2 descriptor, level ";

    private static final int LEVELS = 4;

    private static final int DEVICE_TYPES = 4;
    private static final int FORCED_DEVICE = 4;

    private final SmmuCapabilities chip;
    private final PhysicalMemory guestTables;
    private final TableMemory tablesOfGuests;
    private final TableMemory tablesOfHost;
    private final boolean executeByPrivilege;
    private final boolean canForceWriteBack;

    // The stream table entry's fields, for all walks of an access.
    private Granule granule;
    private int inputBits;
    private int addressBits;
    private int firstLevel;
    private long firstEntries;
    private long firstTable;
    private TableMemory tables;
    private boolean bigEndian;
    private boolean flagByHardware;
    private boolean dirtyByHardware;
    private boolean ignoresFlag;
    private boolean forcesWriteBack;
    private boolean keepsWalksOffDevices;

    // The outcome of the last walk.
    private final long[] nextTable = new long[LEVELS];
    private int topLevel;
    private int level;
    private long pageAddress;
    private int shift;
    private int rights;
    private boolean clean;
    private boolean device;

    /**
     * A walker of one chip.
     *
     * @param memory where tables of the host are
     * @param guestTables where tables of guests are
     */
    public Stage2Walker(SmmuCapabilities chip, PhysicalMemory memory, PhysicalMemory guestTables) {
        this.chip = chip;
        this.guestTables = guestTables;
        tablesOfGuests = new TableMemory(guestTables, chip);
        tablesOfHost = new TableMemory(memory, chip);
        executeByPrivilege = chip.has("XNX");
        canForceWriteBack = chip.has("FWB");
    }

    /**
     * Takes the stream table entry whose tables the walks go through that follow; a legal one.
     *
     * <p>DDI 0487 D8.2: a walk begins at the level of S2SL0; up to 16 tables stand one after the other there. A first table in a
     * page of the host is a table of the host, in which no guest writes: no other is attached there.
     */
    public void begin(long[] ste) {
        long control = ste[StreamTableEntry.S2_HA.word()];
        long root = StreamTableEntry.S2_TTB.get(ste);
        granule = granule(ste);
        inputBits = Long.SIZE - StreamTableEntry.S2_T0SZ.getInt(control);
        addressBits = chip.addressBits(StreamTableEntry.S2_PS.getInt(control));
        firstLevel = granule.stage2StartLevel(StreamTableEntry.S2_SL0.getInt(control));
        firstEntries = 1L << (inputBits - granule.shiftOf(firstLevel));
        firstTable = TableMemory.base(root, firstEntries, addressBits);
        tables = guestTables.contains(root, Long.BYTES) ? tablesOfGuests : tablesOfHost;
        bigEndian = StreamTableEntry.S2_ENDI.isSet(control);
        flagByHardware = StreamTableEntry.S2_HA.isSet(control);
        dirtyByHardware = flagByHardware && StreamTableEntry.S2_HD.isSet(control);
        ignoresFlag = StreamTableEntry.S2_AFFD.isSet(control);
        forcesWriteBack = canForceWriteBack && StreamTableEntry.S2_FWB.isSet(ste[StreamTableEntry.S2_FWB.word()]);
        keepsWalksOffDevices = StreamTableEntry.S2_PTW.isSet(control);
    }

    /**
     * Translates an intermediate physical address.
     *
     * <ol>
     *   <li>IHI 0070 3.4: an address beyond 2^(64-S2T0SZ) has no translation.
     *   <li>Each descriptor is read; an abort is F_WALK_EABT, one that is not valid or of a kind that its level cannot have
     *       F_TRANSLATION, D8.3.
     *   <li>Its address is below the output size; otherwise F_ADDR_SIZE, IHI 0070 7.3.14.
     *   <li>The access flag is set, or set by hardware, or does not count; otherwise F_ACCESS, IHI 0070 3.13.
     *   <li>The rights are enough, and a stage-1 table is not in Device memory where S2PTW says so; otherwise F_PERMISSION.
     *   <li>What hardware updates is written back.
     * </ol>
     *
     * @param fromTable the table at which to enter, of level {@code fromLevel}; used if {@code fromLevel} is not negative
     * @param fromLevel level at which to enter, or -1 for the first
     * @param ipa what to translate
     * @param during a code of CLASS: what it is translated for
     * @param needed rights, as {@link Rights#needed}; 0 if any are enough
     * @param fault is told what is wrong
     * @param listener sees each descriptor, or null
     * @return true if it has a translation
     */
    public boolean walk(
            long fromTable, int fromLevel, long ipa, int during, int needed, WalkFault fault, WalkListener listener) {
        // 1. the input size
        if (ipa >>> inputBits != 0) {
            fault.stage2(EventType.F_TRANSLATION, during, ipa);
            return false;
        }
        boolean whole = fromLevel < 0;
        level = whole ? firstLevel : fromLevel;
        topLevel = level;
        long table = whole ? firstTable : fromTable;
        long entries = level == firstLevel ? firstEntries : granule.entries();
        for (int covers = granule.shiftOf(level); ; covers -= granule.levelBits()) {
            // 2. the descriptor
            long at = table + (ipa >>> covers & (entries - 1)) * Long.BYTES;
            long descriptor = tables.read(level, at, bigEndian);
            if (tables.wasAborted()) {
                fault.stage2Abort(during, at);
                return false;
            }
            if (listener != null) {
                listener.step(STEP + level, at, descriptor);
            }
            if (!tables.isLegal(descriptor, granule, level)) {
                fault.stage2(EventType.F_TRANSLATION, during, ipa);
                return false;
            }
            // 3. its address
            boolean leaf = TableMemory.isLeaf(descriptor, level);
            long output = TableMemory.address(descriptor, granule, leaf ? covers : granule.shift());
            if (output >>> addressBits != 0) {
                fault.stage2(EventType.F_ADDR_SIZE, during, ipa);
                return false;
            }
            if (leaf) {
                return finish(at, descriptor, output, covers, ipa, during, needed, fault);
            }
            nextTable[level] = output;
            table = output;
            entries = granule.entries();
            level++;
        }
    }

    private boolean finish(
            long at, long descriptor, long output, int covers, long ipa, int during, int needed, WalkFault fault) {
        long updated = descriptor;
        // 4. the access flag
        if (!Stage2Descriptor.AF.isSet(descriptor)) {
            if (flagByHardware) {
                updated |= Stage2Descriptor.AF.mask();
            } else if (!ignoresFlag) {
                fault.stage2(EventType.F_ACCESS, during, ipa);
                return false;
            }
        }
        // 5. the rights
        boolean writable = Stage2Descriptor.WRITE.isSet(descriptor);
        clean = !writable
                && dirtyByHardware
                && Stage2Descriptor.DBM.isSet(descriptor)
                && during != EventFields.CLASS_CD;
        rights = Rights.stage2(descriptor, writable || clean, executeByPrivilege);
        device = isDevice(descriptor);
        if (!isAllowed(rights, needed, device, during)) {
            refuse(ipa, during, needed, fault);
            return false;
        }
        // 6. the update
        if (clean && (needed & Rights.ANY_WRITE) != 0) {
            updated |= Stage2Descriptor.WRITE.mask();
            clean = false;
        }
        if (updated != descriptor && !tables.write(at, updated, bigEndian)) {
            fault.stage2Abort(during, at);
            return false;
        }
        shift = flagByHardware ? covers : TableMemory.runShift(descriptor, granule, level, ipa, output);
        pageAddress = output & -1L << shift;
        return true;
    }

    /**
     * True if the rights of a translation are enough, also of one from a cache.
     *
     * @param device true if it leads to Device memory
     */
    public boolean isAllowed(int rights, int needed, boolean device, int during) {
        boolean ofWalk = during != EventFields.CLASS_IN;
        return (needed & ~rights) == 0 && !(ofWalk && device && keepsWalksOffDevices);
    }

    /** The fault of an access whose rights are not enough, IHI 0070 7.3.16. */
    public static void refuse(long ipa, int during, int needed, WalkFault fault) {
        fault.stage2(EventType.F_PERMISSION, during, ipa);
        fault.descriptor(during == EventFields.CLASS_TT && (needed & Rights.needed(DmaAccess.WRITE, true)) == 0);
    }

    /** MemAttr, DDI 0487 D8.6: with S2FWB it says how to change the type of stage 1, and a Device only with bit 2 clear. */
    private boolean isDevice(long descriptor) {
        int attribute = Stage2Descriptor.MEM_ATTR.getInt(descriptor);
        return forcesWriteBack ? (attribute & FORCED_DEVICE) == 0 : attribute < DEVICE_TYPES;
    }

    /** The granule of an entry; null for a reserved code. */
    static Granule granule(long[] ste) {
        return Granule.ofStage2(StreamTableEntry.S2_TG.getInt(ste[StreamTableEntry.S2_TG.word()]));
    }

    /** The granule. */
    public Granule granule() {
        return granule;
    }

    /** Bits of an address that stage 2 translates. */
    public int inputBits() {
        return inputBits;
    }

    /** First address of the page that the last walk found. */
    public long pageAddress() {
        return pageAddress;
    }

    /** log2 of the size of that page, or of the run of contiguous ones that it is in. */
    public int shift() {
        return shift;
    }

    /** Level of the leaf. */
    public int level() {
        return level;
    }

    /** Level at which the last walk entered. */
    public int topLevel() {
        return topLevel;
    }

    /** The table to which the descriptor of {@code atLevel} leads, from {@link #topLevel} to above {@link #level}. */
    public long nextTable(int atLevel) {
        return nextTable[atLevel];
    }

    /** Rights of the leaf. */
    public int rights() {
        return rights;
    }

    /** True if the first write has to be noted in the leaf. */
    public boolean isClean() {
        return clean;
    }

    /** True if the leaf leads to Device memory. */
    public boolean isDevice() {
        return device;
    }
}
