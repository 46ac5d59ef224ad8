package org.iommu4j.arm.hardware;

import org.iommu4j.arm.command.Granule;

/** Owner of the translations of a TLB entry: the stream world of stage 1, or stage 2; IHI 0070 3.17. */
enum Regime {
    /** Stage 1 of a stream of EL1, alone or with stage 2: VMID and ASID. */
    EL1(0),
    /** Stage 1 of a stream of EL2 without E2H: no tags. */
    EL2(1),
    /** Stage 1 of a stream of EL2 with E2H: ASID. */
    EL2_E2H(2),
    /** Stage 2: VMID. */
    STAGE_2(3);

    private static final int REGIME_SHIFT = 24;
    private static final int GRANULE_SHIFT = 20;
    private static final int LEVEL_SHIFT = 16;

    private final int code;

    Regime(int code) {
        this.code = code;
    }

    /** True for stage 1 of streams of EL2. */
    boolean isOfEl2() {
        return this == EL2 || this == EL2_E2H;
    }

    /** Tag in the TLB of the regime's exception level: the VMID, or which of the two worlds of EL2 it is. */
    int tlbTag(int vmid) {
        return this == EL1 || this == STAGE_2 ? vmid : code;
    }

    /** Tag by which an observer knows entries of one size: they are told apart since commands may name granule and level. */
    long observedTag(int vmid, Granule granule, int level) {
        int tag = this == EL1 || this == STAGE_2 ? vmid : 0;
        return (long) code << REGIME_SHIFT
                | (long) granule.rangeCode() << GRANULE_SHIFT
                | (long) level << LEVEL_SHIFT
                | tag;
    }

    /** The regime of an observed tag. */
    static Regime of(long observedTag) {
        return values()[(int) (observedTag >>> REGIME_SHIFT)];
    }

    /** The VMID of an observed tag. */
    static int vmid(long observedTag) {
        return (int) observedTag & ((1 << LEVEL_SHIFT) - 1);
    }
}
