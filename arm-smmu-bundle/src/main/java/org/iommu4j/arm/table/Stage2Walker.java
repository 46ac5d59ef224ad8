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
     * Translates an intermediate physical address.
     *
     * <ol>
     *   <li>IHI 0070 3.4: an address beyond 2^(64-S2T0SZ) has no translation.
     *   <li>DDI 0487 D8.2: the walk begins at the level of S2SL0; up to 16 tables stand one after the other there.
     *   <li>Each descriptor is read; an abort is F_WALK_EABT, one that is not valid or of a kind that its level cannot have
     *       F_TRANSLATION, D8.3.
     *   <li>Its address is below the output size; otherwise F_ADDR_SIZE, IHI 0070 7.3.14.
     *   <li>The access flag is set, or set by hardware, or does not count; otherwise F_ACCESS, IHI 0070 3.13.
     *   <li>The rights are enough, and a stage-1 table is not in Device memory where S2PTW says so; otherwise F_PERMISSION.
     *   <li>What hardware updates is written back.
     * </ol>
     *
     * @param ste the stream table entry
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
            long[] ste,
            long fromTable,
            int fromLevel,
            long ipa,
            int during,
            int needed,
            WalkFault fault,
            WalkListener listener) {
        Granule granule = granule(ste);
        int inputBits = inputBits(ste);
        // 1. the input size
        if (ipa >>> inputBits != 0) {
            fault.stage2(EventType.F_TRANSLATION, during, ipa);
            return false;
        }
        // A first table in a page of the host is a table of the host, in which no guest writes: no other is attached
        // there.
        boolean ofGuest = guestTables.contains(StreamTableEntry.S2_TTB.get(ste), Long.BYTES);
        TableMemory tables = ofGuest ? tablesOfGuests : tablesOfHost;
        // 2. the first table
        int addressBits = chip.addressBits(StreamTableEntry.S2_PS.getInt(ste[StreamTableEntry.S2_PS.word()]));
        boolean bigEndian = StreamTableEntry.S2_ENDI.isSet(ste[StreamTableEntry.S2_ENDI.word()]);
        int first = granule.stage2StartLevel(StreamTableEntry.S2_SL0.getInt(ste[StreamTableEntry.S2_SL0.word()]));
        level = fromLevel < 0 ? first : fromLevel;
        topLevel = level;
        long entries = level == first ? 1L << (inputBits - granule.shiftOf(first)) : 1L << granule.levelBits();
        long table =
                fromLevel < 0 ? TableMemory.base(StreamTableEntry.S2_TTB.get(ste), entries, addressBits) : fromTable;
        while (true) {
            // 3. the descriptor
            int levelShift = granule.shiftOf(level);
            long at = table + (ipa >>> levelShift & (entries - 1)) * Long.BYTES;
            long descriptor = tables.read(at, bigEndian);
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
            // 4. its address
            boolean leaf = TableMemory.isLeaf(descriptor, level);
            long output = TableMemory.address(descriptor, granule, leaf ? levelShift : granule.shift());
            if (output >>> addressBits != 0) {
                fault.stage2(EventType.F_ADDR_SIZE, during, ipa);
                return false;
            }
            if (leaf) {
                return finish(ste, granule, tables, at, descriptor, output, bigEndian, ipa, during, needed, fault);
            }
            nextTable[level] = output;
            table = output;
            entries = 1L << granule.levelBits();
            level++;
        }
    }

    private boolean finish(
            long[] ste,
            Granule granule,
            TableMemory tables,
            long at,
            long descriptor,
            long output,
            boolean bigEndian,
            long ipa,
            int during,
            int needed,
            WalkFault fault) {
        long control = ste[StreamTableEntry.S2_HA.word()];
        boolean flagByHardware = StreamTableEntry.S2_HA.isSet(control);
        boolean dirtyByHardware = flagByHardware && StreamTableEntry.S2_HD.isSet(control);
        long updated = descriptor;
        // 5. the access flag
        if (!Stage2Descriptor.AF.isSet(descriptor)) {
            if (flagByHardware) {
                updated |= Stage2Descriptor.AF.mask();
            } else if (!StreamTableEntry.S2_AFFD.isSet(control)) {
                fault.stage2(EventType.F_ACCESS, during, ipa);
                return false;
            }
        }
        // 6. the rights
        clean = !Stage2Descriptor.WRITE.isSet(descriptor)
                && dirtyByHardware
                && Stage2Descriptor.DBM.isSet(descriptor)
                && during != EventFields.CLASS_CD;
        rights = Rights.stage2(descriptor, Stage2Descriptor.WRITE.isSet(descriptor) || clean, executeByPrivilege);
        boolean forced = canForceWriteBack && StreamTableEntry.S2_FWB.isSet(ste[StreamTableEntry.S2_FWB.word()]);
        device = isDevice(descriptor, forced);
        if (!isAllowed(rights, needed, device, during, control)) {
            refuse(ipa, during, needed, fault);
            return false;
        }
        // 7. the update
        boolean writes = (needed & Rights.needed(DmaAccess.WRITE, true)) != 0
                || (needed & Rights.needed(DmaAccess.WRITE, false)) != 0;
        if (clean && writes) {
            updated |= Stage2Descriptor.WRITE.mask();
            clean = false;
        }
        if (updated != descriptor && !tables.write(at, updated, bigEndian)) {
            fault.stage2Abort(during, at);
            return false;
        }
        shift = flagByHardware ? granule.shiftOf(level) : TableMemory.runShift(descriptor, granule, level, ipa, output);
        pageAddress = output & -1L << shift;
        return true;
    }

    /**
     * True if the rights of a translation are enough, also of one from a cache.
     *
     * @param device true if it leads to Device memory
     * @param control word of the stream table entry with S2PTW
     */
    public static boolean isAllowed(int rights, int needed, boolean device, int during, long control) {
        boolean walk = during != EventFields.CLASS_IN;
        return (needed & ~rights) == 0 && !(walk && device && StreamTableEntry.S2_PTW.isSet(control));
    }

    /** The fault of an access whose rights are not enough, IHI 0070 7.3.16. */
    public static void refuse(long ipa, int during, int needed, WalkFault fault) {
        fault.stage2(EventType.F_PERMISSION, during, ipa);
        fault.descriptor(during == EventFields.CLASS_TT && (needed & Rights.needed(DmaAccess.WRITE, true)) == 0);
    }

    /** MemAttr, DDI 0487 D8.6: with S2FWB it says how to change the type of stage 1, and a Device only with bit 2 clear. */
    private static boolean isDevice(long descriptor, boolean forced) {
        int attribute = Stage2Descriptor.MEM_ATTR.getInt(descriptor);
        return forced ? (attribute & FORCED_DEVICE) == 0 : attribute < DEVICE_TYPES;
    }

    /** The granule of an entry that is legal. */
    public static Granule granule(long[] ste) {
        return Granule.ofStage2(StreamTableEntry.S2_TG.getInt(ste[StreamTableEntry.S2_TG.word()]));
    }

    /** Bits of an address that stage 2 translates. */
    public static int inputBits(long[] ste) {
        return Long.SIZE - StreamTableEntry.S2_T0SZ.getInt(ste[StreamTableEntry.S2_T0SZ.word()]);
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
