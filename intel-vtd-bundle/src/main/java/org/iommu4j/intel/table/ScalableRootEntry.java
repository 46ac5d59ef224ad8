package org.iommu4j.intel.table;

import static org.iommu4j.layout.FieldOption.about;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * Half of a root entry of scalable mode, VT-d 9.2; a bus has two: one for devices and functions 0 to 127 (LP, LCTP), then one
 * for 128 to 255 (UP, UCTP), alike in their bits.
 */
public final class ScalableRootEntry {
    private static final Layout.Builder ENTRY =
            Layout.named("scalable_root_entry").size(64).littleEndian().spec("VT-d 9.2");
    public static final BitField P = ENTRY.bit("P", 0, about("present"));
    public static final BitField CTP = ENTRY.address("CTP", 63, 12, about("context table of half of the bus"));

    /** The half of an entry; address bits at or above the host address width are reserved too. */
    public static final Layout LAYOUT = ENTRY.presentIfAny(P).build();

    private ScalableRootEntry() {}

    /** Address of the half of an entry that a source id selects. */
    public static long addressOf(long rootTable, int sourceId) {
        return rootTable + TableIndex.HALF_BUS.get(sourceId) * LAYOUT.sizeBytes();
    }
}
