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
            case ScalableWalk.ROOT -> ScalableRootEntry.LAYOUT;
            case ScalableWalk.CONTEXT -> ScalableContextEntry.LAYOUT;
            case ScalableWalk.DIRECTORY -> PasidDirectoryEntry.LAYOUT;
            case ScalableWalk.PASID -> PasidEntry.LAYOUT;
            default -> ofLevel(what);
        };
    }

    private static Layout ofLevel(String what) {
        if (what.startsWith(ScalableWalk.FIRST_STAGE)) {
            return FsPte.LAYOUT;
        }
        if (what.startsWith(ScalableWalk.SECOND_STAGE)) {
            return SsPte.LAYOUT;
        }
        if (what.startsWith(ScalableWalk.PERMISSION)) {
            return HostPermissionEntry.LAYOUT;
        }
        return what.startsWith("second-stage entry") || what.equals("pte") ? SlPte.LAYOUT : null;
    }
}
