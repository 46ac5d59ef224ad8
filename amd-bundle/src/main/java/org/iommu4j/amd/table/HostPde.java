package org.iommu4j.amd.table;

import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.when;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Directory entry of a host (v1) page table, 48882 2.2.3 Figure 8; it may skip levels. */
public final class HostPde {
    private static final Layout.Builder ENTRY =
            Layout.named("v1_pde").size(64).littleEndian().spec("AMD 48882 2.2.3");
    public static final BitField PR = ENTRY.bit("PR", 0, about("present"));
    public static final BitField IGNORED_LOW = ENTRY.ignored("ignored 4:1", 4, 1);

    public static final BitField A = ENTRY.bit("A", 5, about("accessed"));
    public static final BitField IGNORED_MIDDLE = ENTRY.ignored("ignored 8:6", 8, 6);

    /** Level of the table that the entry leads to, 1 to 5. */
    public static final BitField NEXT_LEVEL = ENTRY.bits("NextLevel", 11, 9, about("level of the next table"));

    public static final BitField ADDRESS = ENTRY.address("Address", 51, 12, about("next table"));

    /** State of a page that migrates. */
    public static final BitField MIGRATION = ENTRY.bits("PageMigration", 58, 57, when("TMPMSup"), about("migration"));

    public static final BitField IR = ENTRY.bit("IR", 61, about("read"));
    public static final BitField IW = ENTRY.bit("IW", 62, about("write"));
    public static final BitField IGNORED_HIGH = ENTRY.ignored("ignored 63", 63, 63);

    public static final Layout LAYOUT = ENTRY.presentIfAny(PR).build();

    private HostPde() {}
}
