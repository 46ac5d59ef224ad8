package org.iommu4j.intel.table;

import static org.iommu4j.layout.FieldOption.about;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Root entry of legacy mode, VT-d 9.1; 16 bytes, one for each bus. */
public final class RootEntry {
    private static final Layout.Builder ENTRY =
            Layout.named("root_entry").size(128).littleEndian().spec("VT-d 9.1");
    public static final BitField P = ENTRY.bit("P", 0, about("present"));
    public static final BitField CTP = ENTRY.address("CTP", 63, 12, about("context table"));

    /** The entry; address bits at or above the host address width are reserved too. */
    public static final Layout LAYOUT = ENTRY.presentIfAny(P).build();

    /** Size of an entry. */
    public static final int BYTES = 16;

    private RootEntry() {}
}
