package org.iommu4j.intel.table;

import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.when;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** First-stage paging entry, VT-d 9.7, as processors have it; 8 bytes, 512 in a table. */
public final class FsPte {
    private static final Layout.Builder ENTRY =
            Layout.named("fs_paging_entry").size(64).littleEndian().spec("VT-d 9.7");
    public static final BitField P = ENTRY.bit("P", 0, about("present"));
    public static final BitField RW = ENTRY.bit("R/W", 1, about("write"));
    public static final BitField US = ENTRY.bit("U/S", 2, about("user"));
    public static final BitField PWT = ENTRY.bit("PWT", 3, about("memory type, leaves only"));
    public static final BitField PCD = ENTRY.bit("PCD", 4, about("memory type, leaves only"));
    public static final BitField A = ENTRY.bit("A", 5, about("accessed"));
    public static final BitField D = ENTRY.bit("D", 6, about("dirty, leaves only"));

    /** Page size: the entry is a leaf above level 1. At level 1 the bit is a memory type. */
    public static final BitField PS = ENTRY.bit("PS", 7, about("leaf above level 1"));

    /** Global; the unit acts as if it were 0. */
    public static final BitField G = ENTRY.ignored("G", 8, 8);

    public static final BitField IGNORED_LOW = ENTRY.ignored("ignored 9", 9, 9);

    /** Extended accessed; only where the PASID entry has EAFE. */
    public static final BitField EA = ENTRY.bit("EA", 10, when("EAFS"), about("extended accessed"));

    public static final BitField IGNORED_MIDDLE = ENTRY.ignored("ignored 11", 11, 11);

    public static final BitField ADDR = ENTRY.address("ADDR", 51, 12, about("next table or page"));

    /** Left to software; the unit does not know execute-disable. */
    public static final BitField IGNORED_HIGH = ENTRY.ignored("ignored 63:52", 63, 52);

    /** The entry; which bits are reserved depends on the level, see {@link FirstStageWalker}. */
    public static final Layout LAYOUT = ENTRY.presentIfAny(P).build();

    /** The lowest address bit of a large page that is reserved; bit 12 is a memory type. */
    static final int LARGE_PAGE_RESERVED_SHIFT = 13;

    private FsPte() {}
}
