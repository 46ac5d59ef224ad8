package org.iommu4j.intel.table;

import org.iommu4j.layout.Layout;

/** The layouts of table entries by the names that walks and captures give them. */
public final class EntryFormats {
    private EntryFormats() {}

    /** The layout of an entry, or null if no entry has that name. */
    public static Layout of(String what) {
        return switch (what) {
            case "root entry", "root" -> RootEntry.LAYOUT;
            case "context entry", "ctx" -> ContextEntry.LAYOUT;
            default -> what.startsWith("second-stage entry") || what.equals("pte") ? SlPte.LAYOUT : null;
        };
    }
}
