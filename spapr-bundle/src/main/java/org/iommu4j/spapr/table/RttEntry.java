package org.iommu4j.spapr.table;

import static org.iommu4j.layout.FieldOption.about;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Entry of the requester translation table of IODA, docs/spec/spapr-tce.md 3.5; 2 bytes, one for each requester id. */
public final class RttEntry {
    private static final Layout.Builder ENTRY =
            Layout.named("rtt_entry").size(16).bigEndian().msb0().spec("IODA, RTT; docs/spec/spapr-tce.md 3.5");
    public static final BitField PE = ENTRY.bits("PE", 0, 15, about("endpoint; one that does not exist is none"));

    public static final Layout LAYOUT = ENTRY.build();

    /** Size of an entry. */
    public static final int BYTES = LAYOUT.sizeBytes();

    private RttEntry() {}
}
