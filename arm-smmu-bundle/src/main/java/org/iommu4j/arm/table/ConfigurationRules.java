package org.iommu4j.arm.table;

import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.command.SmmuRegisters.Idr0;

/** Checks whether a stream table entry or a context descriptor is legal on one chip, IHI 0070 5.2.2 and 5.4.2. */
public final class ConfigurationRules {
    private static final int MOST_TXSZ = 39;
    private static final int MOST_TXSZ_SMALL_TABLES = 48;
    private static final int MOST_TXSZ_SMALL_TABLES_64K = 47;
    private static final int LEAST_TXSZ = 16;
    private static final int LEAST_TXSZ_WIDE = 12;
    private static final int SMALL_GRANULE_BITS = 48;
    private static final int LEAF_SIZES_OF_TWO_LEVELS = 2;

    /** STE.S2TG 0, S2SL0: smallest and largest S2T0SZ of each first level, docs/spec/arm-smmu.md 3.6. */
    private static final int[][] S2T0SZ_4K = {{30, 39}, {21, 33}, {16, 24}, {39, 48}};

    private static final int[][] S2T0SZ_16K = {{35, 39}, {24, 38}, {16, 27}, null};
    private static final int[][] S2T0SZ_64K = {{31, 39}, {18, 34}, {12, 21}, null};
    private static final int SMALL_TABLES_ONLY = 3;

    private final SmmuCapabilities chip;
    private final int outputBits;
    private final int substreamIdBits;
    private final boolean hasStage1;
    private final boolean hasStage2;
    private final boolean hasEl2;
    private final int stallModel;
    private final boolean hasAts;
    private final boolean hasForcedWriteBack;
    private final boolean hasWideDescriptors;
    private final boolean hasSmallTables;
    private final boolean hasSplitStageAts;
    private final boolean hasWideAddresses;

    /** Rules of one chip. */
    public ConfigurationRules(SmmuCapabilities chip) {
        this.chip = chip;
        outputBits = chip.outputBits();
        substreamIdBits = chip.substreamIdBits();
        hasStage1 = chip.hasStage1();
        hasStage2 = chip.hasStage2();
        hasEl2 = Idr0.HYP.isSet(chip.idr0());
        stallModel = Idr0.STALL_MODEL.getInt(chip.idr0());
        hasAts = chip.has("ATS");
        hasForcedWriteBack = chip.has("FWB");
        hasWideDescriptors = chip.has("DS");
        hasSmallTables = chip.has("STT");
        hasSplitStageAts = !chip.has("NS1ATS");
        hasWideAddresses = chip.has("VAX");
    }

    /** True if the stream is one of EL2: it has no VMID, and without E2H no ASID, IHI 0070 5.2 STRW. */
    public boolean isEl2(long[] ste) {
        return hasEl2
                && hasStage1
                && StreamTableEntry.CONFIG.getInt(ste[0]) == StreamTableEntry.STAGE_1
                && StreamTableEntry.STRW.getInt(ste[StreamTableEntry.STRW.word()]) == StreamTableEntry.STRW_EL2;
    }

    /** log2 of the context descriptors of a stream; 0 without substreams. */
    public int contextBits(long ste0) {
        return substreamIdBits == 0 ? 0 : StreamTableEntry.S1_CD_MAX.getInt(ste0);
    }

    /** The VMID of a stream; 0 where there is no stage 2. */
    public int vmid(long[] ste) {
        return hasStage2 ? StreamTableEntry.S2_VMID.getInt(ste[StreamTableEntry.S2_VMID.word()]) : 0;
    }

    /**
     * What may be asked for translations of a stream, IHI 0070 3.9.1: a code of EATS.
     *
     * @param checks CR0.ATSCHK: without it there is no split stage
     */
    public int translationServices(long[] ste, boolean checks) {
        int asked = StreamTableEntry.EATS.getInt(ste[StreamTableEntry.EATS.word()]);
        boolean translates = StreamTableEntry.CONFIG.getInt(ste[0]) > StreamTableEntry.BYPASS;
        boolean there = asked == StreamTableEntry.EATS_FULL || (asked == StreamTableEntry.EATS_SPLIT && checks);
        return hasAts && translates && there ? asked : 0;
    }

    /** True if stage 2 of an entry forces write-back, IDR3.FWB. */
    public boolean forcesWriteBack(long[] ste) {
        return hasForcedWriteBack && StreamTableEntry.S2_FWB.isSet(ste[StreamTableEntry.S2_FWB.word()]);
    }

    /** True unless an entry is illegal; one that aborts is always legal. */
    public boolean isLegalStream(long[] ste) {
        if (!StreamTableEntry.V.isSet(ste[0])) {
            return false;
        }
        int config = StreamTableEntry.CONFIG.getInt(ste[0]);
        if (config <= StreamTableEntry.BYPASS) {
            return true;
        }
        boolean stage1 = StreamTableEntry.hasStage1(config);
        boolean stage2 = StreamTableEntry.hasStage2(config);
        if ((stage1 && !hasStage1) || (stage2 && !hasStage2)) {
            return false;
        }
        boolean world = config == StreamTableEntry.STAGE_1 && hasEl2;
        if (world && StreamTableEntry.STRW.isReservedValue(StreamTableEntry.STRW.get(ste))) {
            return false;
        }
        boolean wideVmid = StreamTableEntry.S2_VMID.get(ste) >>> Math.max(Byte.SIZE, chip.vmidBits()) != 0;
        if (hasStage2 && !isEl2(ste) && wideVmid) {
            return false;
        }
        return isLegalAts(ste, config) && (!stage1 || isLegalStage1(ste)) && (!stage2 || isLegalStage2(ste));
    }

    private boolean isLegalAts(long[] ste, int config) {
        boolean stalls = StreamTableEntry.S2_S.isSet(ste[StreamTableEntry.S2_S.word()]);
        boolean stage2 = StreamTableEntry.hasStage2(config);
        return !hasAts
                || switch (StreamTableEntry.EATS.getInt(ste[StreamTableEntry.EATS.word()])) {
                    case StreamTableEntry.EATS_FULL -> !(stage2 && stalls);
                    case StreamTableEntry.EATS_SPLIT ->
                        config == StreamTableEntry.NESTED && !stalls && hasSplitStageAts;
                    default -> true;
                };
    }

    private boolean isLegalStage1(long[] ste) {
        int contexts = StreamTableEntry.S1_CD_MAX.getInt(ste[0]);
        boolean substreams = substreamIdBits != 0;
        int format = StreamTableEntry.S1_FORMAT.getInt(ste[0]);
        boolean twoLevels = format != 0 && format <= LEAF_SIZES_OF_TWO_LEVELS;
        boolean stallsOff = StreamTableEntry.S1_STALLD.isSet(ste[StreamTableEntry.S1_STALLD.word()]);
        return !(stallsOff && stallModel != 0)
                && !(substreams && contexts > substreamIdBits)
                && !(substreams && contexts > 0 && twoLevels && !Idr0.CD2L.isSet(chip.idr0()))
                && StreamTableEntry.S1_CONTEXT_PTR.get(ste[0]) >>> outputBits == 0;
    }

    private boolean isLegalStage2(long[] ste) {
        long control = ste[StreamTableEntry.S2_S.word()];
        boolean stalls = StreamTableEntry.S2_S.isSet(control);
        Granule granule = Stage2Walker.granule(ste);
        if (!StreamTableEntry.S2_AA64.isSet(control)
                || (stalls && stallModel == SmmuCapabilities.NEVER_STALLS)
                || (!stalls && stallModel == SmmuCapabilities.ALWAYS_STALLS)
                || granule == null
                || !chip.hasGranule(granule)
                || !chip.hasTables(StreamTableEntry.S2_ENDI.isSet(control))
                || !isLegalUpdate(StreamTableEntry.S2_HA.isSet(control), StreamTableEntry.S2_HD.isSet(control))
                || (hasWideDescriptors && StreamTableEntry.S2_DS.isSet(ste[StreamTableEntry.S2_DS.word()]))) {
            return false;
        }
        int[][] rows = switch (granule) {
            case K4 -> S2T0SZ_4K;
            case K16 -> S2T0SZ_16K;
            case K64 -> S2T0SZ_64K;
        };
        int first = StreamTableEntry.S2_SL0.getInt(control);
        int size = StreamTableEntry.S2_T0SZ.getInt(control);
        int[] row = rows[first];
        if (row == null || (first == SMALL_TABLES_ONLY && !hasSmallTables)) {
            return false;
        }
        int least = Math.max(row[0], Long.SIZE - outputBits);
        // Small tables reach below the size of a table of the last level only.
        int most = hasSmallTables && row[1] == MOST_TXSZ ? mostSize(granule, first) : row[1];
        int addressBits = chip.addressBits(StreamTableEntry.S2_PS.getInt(control));
        return size >= least
                && size <= most
                && StreamTableEntry.S2_TTB.get(ste) >>> tableBits(granule, addressBits) == 0;
    }

    /** Largest S2T0SZ of a row that small tables extend, docs/spec/arm-smmu.md 3.6. */
    private static int mostSize(Granule granule, int first) {
        int level = granule.stage2StartLevel(first);
        return level < TableMemory.LAST_LEVEL
                ? Long.SIZE - granule.shiftOf(level) - 1
                : granule == Granule.K64 ? MOST_TXSZ_SMALL_TABLES_64K : MOST_TXSZ_SMALL_TABLES;
    }

    private static int tableBits(Granule granule, int addressBits) {
        return granule == Granule.K64 ? addressBits : Math.min(addressBits, SMALL_GRANULE_BITS);
    }

    private boolean isLegalUpdate(boolean accessFlag, boolean dirty) {
        return switch (chip.tableUpdates()) {
            case 0 -> !accessFlag && !dirty;
            case 1 -> !dirty;
            default -> true;
        };
    }

    /** True unless a context descriptor is illegal for a stream. */
    public boolean isLegalContext(long[] ste, long[] cd, boolean el2WithoutE2h) {
        long control = cd[0];
        boolean stalls = ContextDescriptor.S.isSet(control);
        boolean stallsOff = StreamTableEntry.S1_STALLD.isSet(ste[StreamTableEntry.S1_STALLD.word()]);
        if (!ContextDescriptor.V.isSet(control)
                || !ContextDescriptor.AA64.isSet(control)
                || (stalls && (stallsOff || stallModel == SmmuCapabilities.NEVER_STALLS))
                || (!stalls && stallModel == SmmuCapabilities.ALWAYS_STALLS)
                || (!ContextDescriptor.A.isSet(control) && Idr0.TERM_MODEL.isSet(chip.idr0()))
                || !isLegalUpdate(ContextDescriptor.HA.isSet(control), ContextDescriptor.HD.isSet(control))
                || (hasWideDescriptors && ContextDescriptor.DS.isSet(cd[ContextDescriptor.DS.word()]))) {
            return false;
        }
        if (!el2WithoutE2h && ContextDescriptor.ASID.getInt(control) >>> chip.asidBits() != 0) {
            return false;
        }
        boolean lower = !Stage1Walker.isWalkDisabled(control, false, el2WithoutE2h);
        boolean upper = !el2WithoutE2h && !Stage1Walker.isWalkDisabled(control, true, false);
        return (!(lower || upper) || chip.hasTables(ContextDescriptor.ENDI.isSet(control)))
                && (!lower || isLegalHalf(cd, false))
                && (!upper || isLegalHalf(cd, true));
    }

    private boolean isLegalHalf(long[] cd, boolean upper) {
        Granule granule = Stage1Walker.granule(cd[0], upper);
        if (granule == null || !chip.hasGranule(granule)) {
            return false;
        }
        int size = Long.SIZE - Stage1Walker.inputBits(cd[0], upper);
        int least = hasWideAddresses && granule == Granule.K64 ? LEAST_TXSZ_WIDE : LEAST_TXSZ;
        int most = !hasSmallTables
                ? MOST_TXSZ
                : granule == Granule.K64 ? MOST_TXSZ_SMALL_TABLES_64K : MOST_TXSZ_SMALL_TABLES;
        long table = (upper ? ContextDescriptor.TTB1 : ContextDescriptor.TTB0).get(cd);
        int addressBits = chip.addressBits(ContextDescriptor.IPS.getInt(cd[0]));
        return size >= least && size <= most && table >>> tableBits(granule, addressBits) == 0;
    }
}
