package org.iommu4j.intel.table;

import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.when;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * Second-stage paging entry as scalable mode reads it, VT-d 9.8; 8 bytes, 512 in a table. Beyond {@link SlPte} it has flags,
 * memory types and, with RTADDR.SSIRWE, permissions in other places.
 */
public final class SsPte {
    private static final Layout.Builder ENTRY =
            Layout.named("scalable_ss_paging_entry").size(64).littleEndian().spec("VT-d 9.8");
    public static final BitField R = ENTRY.bit("R", 0, about("read, without SSIRWE"));
    public static final BitField W = ENTRY.bit("W", 1, about("write, without SSIRWE"));
    public static final BitField IGNORED_LOW = ENTRY.ignored("ignored 2", 2, 2);

    public static final BitField EMT = ENTRY.bits("EMT", 5, 3, about("memory type, leaves only"));

    /** The first stage's memory type does not count, leaves only. */
    public static final BitField IPAT = ENTRY.bit("IPAT", 6, about("memory type of the first stage ignored"));

    /** Page size: the entry is a leaf above level 1; only where CAP.SSLPS has the size. */
    public static final BitField PS = ENTRY.bit("PS", 7, about("leaf above level 1"));

    /** Accessed; only where the PASID entry has SSADE. */
    public static final BitField A = ENTRY.bit("A", 8, about("accessed, with SSADE"));

    /** Dirty, leaves only; only where the PASID entry has SSADE. */
    public static final BitField D = ENTRY.bit("D", 9, about("dirty, with SSADE, leaves only"));

    public static final BitField IGNORED_MIDDLE = ENTRY.ignored("ignored 10", 10, 10);

    public static final BitField SNP = ENTRY.bit("SNP", 11, when("SC"), about("snoop, leaves only"));
    public static final BitField ADDR = ENTRY.address("ADDR", 51, 12, about("next table or page"));
    public static final BitField IGNORED_HIGH = ENTRY.ignored("ignored 60:52", 60, 52);

    /** Read permission with SSIRWE; ignored without. */
    public static final BitField IR = ENTRY.bit("IR", 61, about("read, with SSIRWE"));

    /** Write permission with SSIRWE; reserved without. */
    public static final BitField IW = ENTRY.bit("IW", 62, when("SSIRWS"), about("write, with SSIRWE"));

    public static final BitField IGNORED_TOP = ENTRY.ignored("ignored 63", 63, 63);

    /** The entry; which bits are reserved depends on the level, see {@link SecondStageWalker}. */
    public static final Layout LAYOUT = ENTRY.presentIfAny(R, W, IR, IW).build();

    private SsPte() {}
}
