package org.iommu4j.arm.table;

import org.iommu4j.layout.Layout;

/** The layouts of structures in memory by the names that walks and captures give them. */
public final class EntryFormats {
    private EntryFormats() {}

    /** The layout of a structure, or null if none has that name. */
    public static Layout of(String what) {
        return switch (what) {
            case "STE", "ste" -> StreamTableEntry.LAYOUT;
            case "L1STD", "l1std" -> StreamTableLevel1.LAYOUT;
            case "CD", "cd" -> ContextDescriptor.LAYOUT;
            case "L1CD", "l1cd" -> ContextLevel1.LAYOUT;
            default ->
                what.startsWith("stage-2 descriptor")
                        ? Stage2Descriptor.LAYOUT
                        : what.startsWith("stage-1 descriptor") || what.equals("pte") ? Stage1Descriptor.LAYOUT : null;
        };
    }
}
