package org.iommu4j.spapr.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;
import static org.iommu4j.layout.FieldOption.since;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Vendor part of an invalidation, docs/spec/spapr-tce.md 5.3; 32 bytes, or absent. */
public final class InvalidateData {
    private static final Layout.Builder DATA = Layout.named("spapr_invalidate_data")
            .size(256)
            .bigEndian()
            .msb0()
            .spec("docs/layouts/spapr.md; docs/spec/spapr-tce.md 5.3");

    /** {@link #LIOBN}: every window. */
    public static final int ALL_WINDOWS = -1;

    /** {@link #PE}: that of the group. */
    public static final int GROUP_PE = -1;

    // Codes of OP.
    public static final int OP_KILL = 0;
    public static final int OP_CLEAR = 1;
    public static final int OP_REWRITE = 2;

    public static final BitField LIOBN =
            DATA.bits("liobn", 0, 31, about("a window of the container, or ffffffff: every window"));
    public static final BitField OP = DATA.bits(
            "op",
            32,
            63,
            oneOf(
                    code(OP_KILL, "KILL: from generation 3 on"),
                    code(OP_CLEAR, "CLEAR: also unmaps the range"),
                    code(OP_REWRITE, "REWRITE: generations 1 and 2")));
    public static final BitField PAGE_SHIFT = DATA.bits("page_shift", 64, 95, about("0, or that of the window"));
    public static final BitField PE =
            DATA.bits("pe", 96, 127, about("ffffffff: that of the container; the host's to choose"));

    /** A DMA read sync follows, which it does in any case. */
    public static final BitField SYNC =
            DATA.bit("SYNC", 159, since(SpaprGeneration.IODA3), about("DMA read sync; from generation 4 on"));

    public static final Layout LAYOUT = DATA.build();

    private InvalidateData() {}
}
