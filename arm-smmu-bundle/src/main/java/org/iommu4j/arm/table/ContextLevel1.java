package org.iommu4j.arm.table;

import static org.iommu4j.layout.FieldOption.about;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Level-1 context descriptor, IHI 0070 5.3; 8 bytes. */
public final class ContextLevel1 {
    private static final Layout.Builder L1CD =
            Layout.named("L1CD").size(64).littleEndian().spec("IHI 0070 5.3").ignoreReserved();
    public static final BitField V = L1CD.bit("V", 0, about("valid"));
    public static final BitField L2_PTR = L1CD.address("L2Ptr", 55, 12, about("level-2 table"));

    public static final Layout LAYOUT = L1CD.presentIfAny(V).build();

    /** Size of a descriptor. */
    public static final int BYTES = 8;

    private ContextLevel1() {}
}
