package org.iommu4j.arm.command;

import java.util.List;

/** Numbers of the architecture versions, as {@code sub_version} carries them: major in bits 15:8, minor in bits 7:0. */
public final class SmmuGeneration {
    /** SMMUv2: registers that maintain TLBs. Guests may speak it; no chip of this release has it. */
    public static final int V2 = 0x0200;

    /** SMMUv3.0. */
    public static final int V3_0 = 0x0300;

    /** SMMUv3.1: 52-bit addresses. */
    public static final int V3_1 = 0x0301;

    /** SMMUv3.2: range invalidation is mandatory. */
    public static final int V3_2 = 0x0302;

    /** SMMUv3.3. */
    public static final int V3_3 = 0x0303;

    /** SMMUv3.4: six-bit SCALE and TTL for 16K level 1, where IDR5.DS is set. */
    public static final int V3_4 = 0x0304;

    /** The generations that chips have, oldest first. */
    public static final List<Integer> OF_CHIPS = List.of(V3_0, V3_1, V3_2, V3_3, V3_4);

    private SmmuGeneration() {}
}
