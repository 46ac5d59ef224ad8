package org.iommu4j.amd.table;

import static org.iommu4j.layout.FieldOption.about;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Entry of a guest (v2) page table, 48882 2.2.6, in the format of the processor; 8 bytes, 512 in a table. */
public final class GuestPte {
    private static final Layout.Builder ENTRY =
            Layout.named("v2_pte").size(64).littleEndian().spec("AMD 48882 2.2.6");
    public static final BitField P = ENTRY.bit("P", 0, about("present"));
    public static final BitField RW = ENTRY.bit("RW", 1, about("writable"));

    /** User requests are allowed. */
    public static final BitField US = ENTRY.bit("US", 2, about("user"));

    /** Cache attribute. */
    public static final BitField PWT = ENTRY.bit("PWT", 3, about("write-through"));

    public static final BitField PCD = ENTRY.bit("PCD", 4, about("not cached"));
    public static final BitField A = ENTRY.bit("A", 5, about("accessed"));
    public static final BitField D = ENTRY.bit("D", 6, about("dirty"));
    public static final BitField PS = ENTRY.bit("PS", 7, about("page of 2 MiB or 1 GiB"));

    /** Global; no effect on tags. */
    public static final BitField G = ENTRY.bit("G", 8, about("global, no effect"));

    public static final BitField IGNORED_LOW = ENTRY.ignored("ignored 11:9", 11, 9);

    public static final BitField ADDRESS = ENTRY.address("Address", 51, 12, about("next table or page"));
    public static final BitField IGNORED_HIGH = ENTRY.ignored("ignored 62:52", 62, 52);

    public static final BitField NX = ENTRY.bit("NX", 63, about("no execute"));

    public static final Layout LAYOUT = ENTRY.presentIfAny(P).build();

    /** Size of an entry. */
    public static final int BYTES = 8;

    /** Highest level at which an entry can be a page. */
    public static final int HIGHEST_PAGE_LEVEL = 3;

    private GuestPte() {}
}
