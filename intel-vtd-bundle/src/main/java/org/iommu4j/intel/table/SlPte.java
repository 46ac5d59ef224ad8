package org.iommu4j.intel.table;

import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.when;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Second-stage paging entry, VT-d 9.8; 8 bytes, 512 in a table. */
public final class SlPte {
    private static final Layout.Builder ENTRY =
            Layout.named("ss_paging_entry").size(64).littleEndian().spec("VT-d 9.8");
    public static final BitField R = ENTRY.bit("R", 0, about("read"));
    public static final BitField W = ENTRY.bit("W", 1, about("write"));

    /** Page size: the entry is a leaf above level 1; only where CAP.SSLPS has the size. */
    public static final BitField PS = ENTRY.bit("PS", 7, about("leaf above level 1"));

    public static final BitField SNP = ENTRY.bit("SNP", 11, when("SC"), about("snoop, leaves only"));
    public static final BitField ADDR = ENTRY.address("ADDR", 51, 12, about("next table or page"));

    /** Ignored in legacy mode: memory type of leaves, and bit 2. */
    public static final BitField IGNORED_LOW = ENTRY.ignored("ignored 6:2", 6, 2);

    /** Accessed, dirty and software bits; ignored without ECAP.SSADS. */
    public static final BitField IGNORED_MIDDLE = ENTRY.ignored("ignored 10:8", 10, 8);

    /** Software bits; bit 62 above them is reserved. */
    public static final BitField IGNORED_HIGH = ENTRY.ignored("ignored 61:52", 61, 52);

    public static final BitField IGNORED_TOP = ENTRY.ignored("ignored 63", 63, 63);

    /** The entry; which bits are reserved depends on the level, see {@link TableWalker}. */
    public static final Layout LAYOUT = ENTRY.presentIfAny(R, W).build();

    /** Size of an entry. */
    public static final int BYTES = 8;

    /** Address bits of one level. */
    public static final int LEVEL_BITS = 9;

    private SlPte() {}
}
