package org.iommu4j.intel.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;
import static org.iommu4j.layout.FieldOption.since;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Interrupt-entry-cache invalidate descriptor, type 0x4, VT-d 6.5.2.8. */
public final class InterruptEntryCacheInvalidate {
    /** {@link #G}: some entries. */
    public static final int INDEX = 1;

    private static final Layout.Builder DSC =
            Layout.named("iec_inv_dsc").size(128).littleEndian().spec("VT-d 6.5.2.8");
    public static final BitField TYPE = DSC.bits("Type", 3, 0, oneOf(code(4, "interrupt-entry-cache invalidate")));
    public static final BitField G = DSC.bit("G", 4, oneOf(code(0, "global"), code(INDEX, "index")));
    public static final BitField TYPE_HIGH =
            DSC.bits("TypeHigh", 11, 9, since(VtdGeneration.WIDE_TYPE), oneOf(code(0, "types 0x0 to 0xf")));

    /** Index mask: 2^IM entries; at most ECAP.MHMV. */
    public static final BitField IM = DSC.bits("IM", 31, 27, about("2^IM entries"));

    public static final BitField IIDX = DSC.bits("IIDX", 47, 32, about("first index"));

    public static final Layout LAYOUT = DSC.build();

    private InterruptEntryCacheInvalidate() {}
}
