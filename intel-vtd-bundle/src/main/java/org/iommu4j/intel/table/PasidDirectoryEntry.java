package org.iommu4j.intel.table;

import static org.iommu4j.layout.FieldOption.about;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Entry of a PASID directory, VT-d 9.5; 8 bytes, one for each table of 64 PASIDs. */
public final class PasidDirectoryEntry {
    private static final Layout.Builder ENTRY =
            Layout.named("pasid_directory_entry").size(64).littleEndian().spec("VT-d 9.5");
    public static final BitField P = ENTRY.bit("P", 0, about("present"));
    public static final BitField FPD = ENTRY.bit("FPD", 1, about("qualified faults are not recorded"));
    public static final BitField SMPTBLPTR = ENTRY.address("SMPTBLPTR", 63, 12, about("PASID table"));

    /** The entry; address bits at or above the host address width are reserved too. */
    public static final Layout LAYOUT = ENTRY.presentIfAny(P).build();

    private PasidDirectoryEntry() {}

    /** Address of the entry of a PASID in its directory. */
    public static long addressOf(long directory, int pasid) {
        return directory + TableIndex.PASID_TABLE.get(pasid) * Long.BYTES;
    }
}
