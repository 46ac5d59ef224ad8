package org.iommu4j.s390.table;

import org.iommu4j.layout.Layout;

/** The layouts of table entries by the names that walks and captures give them. */
public final class EntryFormats {
    private EntryFormats() {}

    /** The layout of an entry; what is neither of a page table nor of a segment table is of a region table. */
    public static Layout of(String what) {
        return switch (what) {
            case "page table entry", "pte" -> PageEntry.LAYOUT;
            case "segment table entry", "ste" -> SegmentEntry.LAYOUT;
            default -> RegionEntry.LAYOUT;
        };
    }
}
