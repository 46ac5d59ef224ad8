package org.iommu4j.arm.table;

import static org.iommu4j.layout.FieldOption.about;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Level-1 stream table descriptor, IHI 0070 5.1; 8 bytes. */
public final class StreamTableLevel1 {
    private static final Layout.Builder L1STD =
            Layout.named("L1STD").size(64).littleEndian().spec("IHI 0070 5.1").ignoreReserved();
    public static final BitField SPAN = L1STD.bits("Span", 4, 0, about("2^(Span-1) entries, 0: none"));
    public static final BitField L2_PTR = L1STD.address("L2Ptr", 55, 6, about("level-2 table"));

    public static final Layout LAYOUT = L1STD.presentIfAny(SPAN).build();

    /** Size of a descriptor. */
    public static final int BYTES = 8;

    /** Largest span that is not reserved. */
    public static final int MOST_SPAN = 11;

    private StreamTableLevel1() {}
}
