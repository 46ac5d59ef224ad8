package org.iommu4j.s390.table;

import static org.iommu4j.layout.FieldOption.about;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Entry of a page table, docs/spec/s390-zpci.md 3.2; 256 in a table of 2 KiB. */
public final class PageEntry {
    private static final Layout.Builder ENTRY = Layout.named("page_table_entry")
            .bigEndian()
            .msb0()
            .ignoreReserved()
            .spec("zPCI, docs/spec/s390-zpci.md 3.2");
    public static final BitField FRAME = ENTRY.address("frame", 0, 51, about("frame of 4 KiB"));
    public static final BitField I = ENTRY.bit("I", 53, about("invalid, whatever the frame"));
    public static final BitField P = ENTRY.bit("P", 54, about("write protected"));

    public static final Layout LAYOUT = ENTRY.absentIfAny(I).build();

    private PageEntry() {}
}
