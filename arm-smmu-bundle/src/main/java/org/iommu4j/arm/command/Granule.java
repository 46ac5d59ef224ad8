package org.iommu4j.arm.command;

import java.util.function.ToIntFunction;

/**
 * The three page sizes of a table, IHI 0070 3.4.1. Each of the four fields that name one has codes of its own.
 */
public enum Granule {
    /** 4 KiB. */
    K4(12, 1, 0, 2, 0),
    /** 16 KiB. */
    K16(14, 2, 2, 1, 2),
    /** 64 KiB. */
    K64(16, 3, 1, 3, 1);

    private static final int CODES = 4;
    private static final Granule[] BY_RANGE_CODE = by(Granule::rangeCode);
    private static final Granule[] BY_LOW_CODE = by(Granule::lowCode);
    private static final Granule[] BY_HIGH_CODE = by(Granule::highCode);
    private static final Granule[] BY_STAGE_2_CODE = by(Granule::stage2Code);

    private static final int SMALLEST_SHIFT = 12;
    private static final int SHIFT_STEP = 2;

    private final int shift;
    private final int index;
    private final int rangeCode;
    private final int lowCode;
    private final int highCode;
    private final int stage2Code;

    Granule(int shift, int rangeCode, int lowCode, int highCode, int stage2Code) {
        this.shift = shift;
        index = (shift - SMALLEST_SHIFT) / SHIFT_STEP;
        this.rangeCode = rangeCode;
        this.lowCode = lowCode;
        this.highCode = highCode;
        this.stage2Code = stage2Code;
    }

    /** log2 of its size in bytes. */
    public int shift() {
        return shift;
    }

    /** Place among the three granules, smallest first: 0, 1 or 2. */
    public int index() {
        return index;
    }

    /** Address bits that one level resolves: a table is one granule of 8-byte descriptors. */
    public int levelBits() {
        return shift - 3;
    }

    /** Descriptors of a table. */
    public long entries() {
        return 1L << levelBits();
    }

    /** log2 of what an entry of a level covers in bytes; level 3 is the last. */
    public int shiftOf(int level) {
        return shift + (3 - level) * levelBits();
    }

    /** The level whose entries cover 2^shift bytes; the level of the members if they are runs of contiguous entries. */
    public int levelOf(int ofShift) {
        return 3 - Math.min(3, (ofShift - shift) / levelBits());
    }

    /** log2 of the entries in a run that the contiguous hint joins at a level, DDI 0487 D8.7; 0 where there is no hint. */
    public int contiguousBits(int level) {
        return switch (this) {
            case K4 -> level >= 1 ? 4 : 0;
            case K16 -> level == 3 ? 7 : level == 2 ? 5 : 0;
            case K64 -> level >= 2 ? 5 : 0;
        };
    }

    /** The first level of a stage-1 table, DDI 0487 D8.2. */
    public int startLevel(int inputBits) {
        return 4 - (inputBits - shift + levelBits() - 1) / levelBits();
    }

    /** The first level of a stage-2 table by the code of STE.S2SL0; a reserved code has none, and gives the last level. */
    public int stage2StartLevel(int code) {
        int highest = this == K4 ? 2 : 3;
        return code <= 2 ? highest - code : 3;
    }

    /** TG of a TLB invalidation by range. */
    public int rangeCode() {
        return rangeCode;
    }

    /** CD.TG0. */
    public int lowCode() {
        return lowCode;
    }

    /** CD.TG1. */
    public int highCode() {
        return highCode;
    }

    /** STE.S2TG. */
    public int stage2Code() {
        return stage2Code;
    }

    /** The granule of a TLBI's TG; null for 0, no range. */
    public static Granule ofRange(int code) {
        return BY_RANGE_CODE[code];
    }

    /** The granule of CD.TG0, of CD.TG1 for the upper half; null for a reserved code. */
    public static Granule ofHalf(boolean upper, int code) {
        return (upper ? BY_HIGH_CODE : BY_LOW_CODE)[code];
    }

    /** The granule of STE.S2TG; null for a reserved code. */
    public static Granule ofStage2(int code) {
        return BY_STAGE_2_CODE[code];
    }

    /** Granules by a code of two bits. */
    private static Granule[] by(ToIntFunction<Granule> code) {
        Granule[] granules = new Granule[CODES];
        for (Granule granule : values()) {
            granules[code.applyAsInt(granule)] = granule;
        }
        return granules;
    }
}
