package org.iommu4j.spapr.command;

import static org.iommu4j.layout.FieldOption.about;

import java.util.List;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * Vendor part of BIND_PGTABLE: one window of the container and the table behind it. It follows the 20 bytes of the bind
 * header; with the outer 12 bytes every 64-bit field is aligned in the whole message.
 *
 * <p>The flag UNBIND takes the same bytes: they must name what is bound. Addresses are host physical: containers map guest
 * memory one to one in this release. A window is bound under the name of a requester of its own: its LIOBN, or the
 * requester id of a device. Every device of the container reaches it.
 */
public final class BindPgtable {
    private static final Layout.Builder DATA = Layout.named("spapr_bind_pgtable")
            .size(192)
            .bigEndian()
            .msb0()
            .spec("docs/contract.md, BIND_PGTABLE of sPAPR");
    public static final BitField TABLE_ROOT =
            DATA.address("table_root", 0, 51, about("top level of the table, aligned to 4 KiB"));
    public static final BitField REQUESTER =
            DATA.bits("requester", 64, 95, about("LIOBN of the window (bit 64 set), or a requester id"));
    public static final BitField PAGE_SHIFT = DATA.bits("page_shift", 96, 103, about("log2 of the page size in bytes"));
    public static final BitField WINDOW_SHIFT =
            DATA.bits("window_shift", 104, 111, about("log2 of the window size in bytes"));
    public static final BitField LEVELS = DATA.bits("levels", 112, 119, about("levels of the table, 1 to 5"));
    public static final BitField LEVEL_SHIFT = DATA.bits(
            "level_shift",
            120,
            127,
            about("log2 of the bytes of one level; 0: as many as the levels need, at least 4 KiB"));
    public static final BitField BASE = DATA.address("base", 128, 179, about("first bus address: 0, or 2^59"));

    public static final Layout LAYOUT = DATA.build();

    /** The fields that say which window it is, in the order in which they are looked at. */
    public static final List<BitField> GEOMETRY = List.of(PAGE_SHIFT, WINDOW_SHIFT, LEVELS, LEVEL_SHIFT, BASE);

    /** The header's flags; the vendor part defines none of its own. */
    public static final Layout FLAGS_LAYOUT =
            BindFormat.flags("spapr_bind_pgtable").build();

    private BindPgtable() {}
}
