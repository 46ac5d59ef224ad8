package org.iommu4j.s390.table;

import static org.iommu4j.layout.FieldOption.about;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Entry of a segment table, docs/spec/s390-zpci.md 3.2; 2048 in a table of 16 KiB. */
public final class SegmentEntry {
    private static final Layout.Builder ENTRY = Layout.named("segment_table_entry")
            .bigEndian()
            .msb0()
            .ignoreReserved()
            .spec("zPCI, docs/spec/s390-zpci.md 3.2");
    public static final BitField ORIGIN = ENTRY.address("origin", 0, 52, about("page table"));
    public static final BitField FC = ENTRY.bit("FC", 53, about("a frame of 1 MiB, from generation 3 on"));
    public static final BitField P = ENTRY.bit("P", 54, about("write protected"));
    public static final BitField I = ENTRY.bit("I", 58, about("invalid"));
    public static final BitField TT = ENTRY.bits("TT", 60, 61, about("level of the entry; must be 0"));

    public static final Layout LAYOUT = ENTRY.absentIfAny(I).build();

    private SegmentEntry() {}
}
