package org.iommu4j.amd.table;

import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.when;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Leaf of a host (v1) page table, 48882 2.2.3 Figure 9; 8 bytes, 512 in a table. */
public final class HostPte {
    private static final Layout.Builder ENTRY =
            Layout.named("v1_pte").size(64).littleEndian().spec("AMD 48882 2.2.3");
    public static final BitField PR = ENTRY.bit("PR", 0, about("present"));
    public static final BitField IGNORED_LOW = ENTRY.ignored("ignored 4:1", 4, 1);

    public static final BitField A = ENTRY.bit("A", 5, about("accessed"));
    public static final BitField D = ENTRY.bit("D", 6, about("dirty"));
    public static final BitField IGNORED_MIDDLE = ENTRY.ignored("ignored 8:7", 8, 7);

    public static final BitField NEXT_LEVEL =
            ENTRY.bits("NextLevel", 11, 9, about("0: default size, 7: size in address"));
    public static final BitField ADDRESS = ENTRY.address("Address", 51, 12, about("page, and size with next level 7"));

    /** State of a page that migrates. */
    public static final BitField MIGRATION = ENTRY.bits("PageMigration", 58, 57, when("TMPMSup"), about("migration"));

    /** Attribute of answers to translation requests. */
    public static final BitField U = ENTRY.bit("U", 59, about("attribute of answers to devices"));

    public static final BitField FC = ENTRY.bit("FC", 60, about("forced coherence"));
    public static final BitField IR = ENTRY.bit("IR", 61, about("read"));
    public static final BitField IW = ENTRY.bit("IW", 62, about("write"));
    public static final BitField IGNORED_HIGH = ENTRY.ignored("ignored 63", 63, 63);

    public static final Layout LAYOUT = ENTRY.presentIfAny(PR).build();

    /** Size of an entry. */
    public static final int BYTES = 8;

    /** {@link #NEXT_LEVEL}: a page of the level's size. */
    public static final int DEFAULT_SIZE = 0;

    /** {@link #NEXT_LEVEL}: a page whose size is in the address. */
    public static final int ENCODED_SIZE = 7;

    private HostPte() {}
}
