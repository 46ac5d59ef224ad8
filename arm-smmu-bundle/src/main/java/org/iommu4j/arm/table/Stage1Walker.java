package org.iommu4j.arm.table;

import org.iommu4j.arm.command.EventType;
import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.WalkListener;

/**
 * Walks the stage-1 tables that a context descriptor names, IHI 0070 3.3.1, 3.4.1 and DDI 0487 D8. It reads memory, and updates
 * descriptors where the context descriptor says so; it allocates nothing. The outcome of a walk stands in its accessors until
 * the next one.
 */
public final class Stage1Walker {
    /** Begin of a descriptor's name in a walk; its level follows. */
    public static final String STEP = "stage-1 descriptor, level ";

    private static final int LEVELS = 4;
    private static final int HALF_BIT = 55;

    private final SmmuCapabilities chip;
    private final TableMemory tables;
    private final boolean hasExecutePan;
    private final boolean hasE0pd;
    private final boolean hasHad;

    // The context descriptor's fields of the half that is walked.
    private long control;
    private boolean el2;
    private Granule granule;
    private int addressBits;
    private boolean bigEndian;
    private boolean ignoresLimits;
    private boolean executePan;
    private boolean flagByHardware;
    private boolean dirtyByHardware;

    // The outcome of the last walk.
    private final long[] nextTable = new long[LEVELS];
    private final int[] limitsAt = new int[LEVELS];
    private int topLevel;
    private int level;
    private long pageAddress;
    private int shift;
    private int rights;
    private boolean clean;
    private boolean global;

    /**
     * A walker of one chip.
     *
     * @param memory where the tables are
     */
    public Stage1Walker(SmmuCapabilities chip, PhysicalMemory memory) {
        this.chip = chip;
        tables = new TableMemory(memory, chip);
        hasExecutePan = chip.has("EPAN");
        hasE0pd = chip.has("E0PD");
        hasHad = chip.has("HAD");
    }

    /** True if an address belongs to the upper half, which TTB1 translates; a stream of EL2 without E2H has one half only. */
    public static boolean isUpper(long address, boolean el2) {
        return !el2 && (address >>> HALF_BIT & 1) != 0;
    }

    /**
     * The address as it is compared, cached and walked, IHI 0070 3.4.1: where the top byte is ignored, a copy of bit 55 stands in
     * it.
     */
    public static long canonical(long control, long address, boolean upper) {
        boolean ignored = (upper ? ContextDescriptor.TBI1 : ContextDescriptor.TBI0).isSet(control);
        return ignored ? address << Byte.SIZE >> Byte.SIZE : address;
    }

    /** Granule of a half; null if the context descriptor has a reserved code there. */
    public static Granule granule(long control, boolean upper) {
        return Granule.ofHalf(upper, (upper ? ContextDescriptor.TG1 : ContextDescriptor.TG0).getInt(control));
    }

    /** Bits of an address that a half translates. */
    public static int inputBits(long control, boolean upper) {
        return Long.SIZE - (upper ? ContextDescriptor.T1SZ : ContextDescriptor.T0SZ).getInt(control);
    }

    /**
     * True if a half translates an address at all, IHI 0070 3.4.1: all bits above its size equal bit 55, and unprivileged
     * accesses are not kept out by E0PD. Nothing is read.
     *
     * @param canonical as {@link #canonical} gives it
     */
    public boolean isInRange(long[] cd, long canonical, boolean upper, boolean privileged, boolean el2) {
        long above = canonical >> inputBits(cd[0], upper);
        if (above != (upper ? -1 : 0)) {
            return false;
        }
        boolean keepsOut = hasE0pd
                && !el2
                && (upper
                        ? ContextDescriptor.E0PD1.isSet(cd[ContextDescriptor.E0PD1.word()])
                        : ContextDescriptor.E0PD0.isSet(cd[ContextDescriptor.E0PD0.word()]));
        return privileged || !keepsOut;
    }

    /** True if a half has no table: a miss in the TLB has no translation. */
    public static boolean isWalkDisabled(long control, boolean upper, boolean el2) {
        return !el2 && (upper ? ContextDescriptor.EPD1 : ContextDescriptor.EPD0).isSet(control);
    }

    /**
     * Translates a virtual address that its half covers.
     *
     * <ol>
     *   <li>DDI 0487 D8.2: the walk begins at the level that the input size gives.
     *   <li>IHI 0070 3.3.2: with two stages the address of each descriptor is translated by stage 2.
     *   <li>Each descriptor is read; an abort is F_WALK_EABT, one that is not valid or of a kind that its level cannot have
     *       F_TRANSLATION, D8.3.
     *   <li>Its address is below the output size; otherwise F_ADDR_SIZE, IHI 0070 7.3.14.
     *   <li>D8.4: what a table descriptor limits is kept for the leaf.
     *   <li>The access flag is set, or set by hardware, or does not count; otherwise F_ACCESS, IHI 0070 3.13.
     *   <li>The rights are enough; otherwise F_PERMISSION.
     *   <li>IHI 0070 3.13: what hardware updates is written back, which with two stages stage 2 has to allow.
     * </ol>
     *
     * @param cd the context descriptor
     * @param fromTable the table at which to enter, of level {@code fromLevel}; used if {@code fromLevel} is not negative
     * @param fromLevel level at which to enter, or -1 for the first
     * @param limits of the tables above, if the walk does not begin at the first
     * @param address canonical
     * @param upper half of the address
     * @param needed rights, as {@link Rights#needed}; 0 if any are enough
     * @param ofEl2 true for a stream of EL2 without E2H
     * @param addresses where descriptors are
     * @param fault is told what is wrong
     * @param listener sees each descriptor, or null
     * @return true if it has a translation
     */
    public boolean walk(
            long[] cd,
            long fromTable,
            int fromLevel,
            int limits,
            long address,
            boolean upper,
            int needed,
            boolean ofEl2,
            DescriptorAddresses addresses,
            WalkFault fault,
            WalkListener listener) {
        begin(cd, upper, ofEl2);
        // 1. the first table
        int inputBits = inputBits(control, upper);
        int first = granule.startLevel(inputBits);
        level = fromLevel < 0 ? first : fromLevel;
        topLevel = level;
        int limited = limits;
        long entries = level == first ? 1L << (inputBits - granule.shiftOf(first)) : granule.entries();
        long table = fromLevel < 0
                ? TableMemory.base(
                        (upper ? ContextDescriptor.TTB1 : ContextDescriptor.TTB0).get(cd), entries, addressBits)
                : fromTable;
        for (int covers = granule.shiftOf(level); ; covers -= granule.levelBits()) {
            long at = table + (address >>> covers & (entries - 1)) * Long.BYTES;
            // 2. where the descriptor is
            long pa = addresses.locate(at, false);
            if (pa == DescriptorAddresses.NONE) {
                return false;
            }
            // 3. the descriptor
            long descriptor = tables.read(level, pa, bigEndian);
            if (tables.wasAborted()) {
                fault.stage1Abort(pa);
                return false;
            }
            if (listener != null) {
                listener.step(STEP + level, pa, descriptor);
            }
            if (!tables.isLegal(descriptor, granule, level)) {
                fault.stage1(EventType.F_TRANSLATION);
                return false;
            }
            // 4. its address
            boolean leaf = TableMemory.isLeaf(descriptor, level);
            long output = TableMemory.address(descriptor, granule, leaf ? covers : granule.shift());
            if (output >>> addressBits != 0) {
                fault.stage1(EventType.F_ADDR_SIZE);
                return false;
            }
            if (leaf) {
                return finish(at, pa, descriptor, output, covers, limited, address, needed, addresses, fault);
            }
            // 5. limits
            limited |= ignoresLimits ? 0 : Rights.limits(descriptor);
            nextTable[level] = output;
            limitsAt[level] = limited;
            table = output;
            entries = granule.entries();
            level++;
        }
    }

    /** Takes what the context descriptor says about a half. */
    private void begin(long[] cd, boolean upperHalf, boolean ofEl2) {
        control = cd[0];
        el2 = ofEl2;
        granule = granule(control, upperHalf);
        addressBits = chip.addressBits(ContextDescriptor.IPS.getInt(control));
        bigEndian = ContextDescriptor.ENDI.isSet(control);
        ignoresLimits = hasHad
                && (upperHalf
                        ? ContextDescriptor.HAD1.isSet(cd[ContextDescriptor.HAD1.word()])
                        : ContextDescriptor.HAD0.isSet(cd[ContextDescriptor.HAD0.word()]));
        executePan = hasExecutePan && ContextDescriptor.EPAN.isSet(cd[ContextDescriptor.EPAN.word()]);
        flagByHardware = ContextDescriptor.HA.isSet(control);
        dirtyByHardware = flagByHardware && ContextDescriptor.HD.isSet(control);
    }

    private boolean finish(
            long at,
            long pa,
            long descriptor,
            long output,
            int covers,
            int limited,
            long address,
            int needed,
            DescriptorAddresses addresses,
            WalkFault fault) {
        long updated = descriptor;
        // 6. the access flag
        if (!Stage1Descriptor.AF.isSet(descriptor)) {
            if (flagByHardware) {
                updated |= Stage1Descriptor.AF.mask();
            } else if (!ContextDescriptor.AFFD.isSet(control)) {
                fault.stage1(EventType.F_ACCESS);
                return false;
            }
        }
        // 7. the rights
        boolean readOnly = Stage1Descriptor.READ_ONLY.isSet(descriptor);
        clean = readOnly && dirtyByHardware && Stage1Descriptor.DBM.isSet(descriptor);
        rights = Rights.stage1(descriptor, limited, !readOnly || clean, control, executePan, el2);
        if ((needed & ~rights) != 0) {
            fault.stage1(EventType.F_PERMISSION);
            return false;
        }
        // 8. the update
        if (clean && (needed & Rights.ANY_WRITE) != 0) {
            updated &= ~Stage1Descriptor.READ_ONLY.mask();
            clean = false;
        }
        if (updated != descriptor && !update(at, pa, updated, addresses, fault)) {
            return false;
        }
        shift = flagByHardware ? covers : TableMemory.runShift(descriptor, granule, level, address, output);
        pageAddress = output & -1L << shift;
        global = !Stage1Descriptor.NOT_GLOBAL.isSet(descriptor);
        return true;
    }

    private boolean update(long at, long pa, long updated, DescriptorAddresses addresses, WalkFault fault) {
        if (addresses.locate(at, true) == DescriptorAddresses.NONE) {
            return false;
        }
        if (!tables.write(pa, updated, bigEndian)) {
            fault.stage1Abort(pa);
            return false;
        }
        return true;
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

    /** Rights that the tables take away, down to and with the descriptor of {@code atLevel}. */
    public int limitsAt(int atLevel) {
        return limitsAt[atLevel];
    }

    /** Rights of the leaf, limits included. */
    public int rights() {
        return rights;
    }

    /** True if the first write has to be noted in the leaf. */
    public boolean isClean() {
        return clean;
    }

    /** True if the leaf is of all ASIDs. */
    public boolean isGlobal() {
        return global;
    }
}
