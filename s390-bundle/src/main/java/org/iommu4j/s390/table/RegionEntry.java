package org.iommu4j.s390.table;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * Entry of a region table, docs/spec/s390-zpci.md 3.2; 2048 in a table of 16 KiB. The type names the level of the entry
 * itself.
 */
public final class RegionEntry {
    private static final Layout.Builder ENTRY = Layout.named("region_table_entry")
            .bigEndian()
            .msb0()
            .ignoreReserved()
            .spec("zPCI, docs/spec/s390-zpci.md 3.2");
    public static final BitField ORIGIN = ENTRY.address("origin", 0, 49, about("next table"));
    public static final BitField P = ENTRY.bit("P", 54, about("write protected"));
    public static final BitField TF = ENTRY.bits("TF", 56, 57, about("table offset; must be 0"));
    public static final BitField I = ENTRY.bit("I", 58, about("invalid"));
    public static final BitField TT = ENTRY.bits(
            "TT",
            60,
            61,
            oneOf(code(0, "segment"), code(1, "region third"), code(2, "region second"), code(3, "region first")));
    public static final BitField TL = ENTRY.bits("TL", 62, 63, about("table length; must be 3"));

    public static final Layout LAYOUT = ENTRY.absentIfAny(I).build();

    /** {@link #TL} of a full table. */
    public static final int FULL_LENGTH = 3;

    private RegionEntry() {}
}
