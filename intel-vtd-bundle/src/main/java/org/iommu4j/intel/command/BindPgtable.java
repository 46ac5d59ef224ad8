package org.iommu4j.intel.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;
import static org.iommu4j.layout.FieldOption.since;

import java.util.List;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * Vendor part of BIND_PGTABLE: requests of one device without PASID translate through one table of the guest, of the second stage, or
 * in scalable mode of the first stage if the flag FIRST_STAGE says so. It follows the 20 bytes of the bind header; with the outer 12
 * bytes every 64-bit field is aligned in the whole message.
 *
 * <p>The flag UNBIND takes the same bytes: they must name what is bound. Addresses are host physical, in a container with a
 * memory map guest-physical.
 */
public final class BindPgtable {
    private static final Layout.Builder DATA =
            Layout.named("vtd_bind_pgtable").size(192).littleEndian().spec("docs/contract.md, BIND_PGTABLE of VT-d");
    public static final BitField TABLE_ROOT =
            DATA.address("table_root", 63, 12, about("top level of the table; 0 with PASS_THROUGH"));
    public static final BitField REQUESTER =
            DATA.bits("requester", 79, 64, about("requester id: bus 15:8, device 7:3, function 2:0"));
    public static final BitField ADDRESS_WIDTH = DATA.bits(
            "address_width",
            127,
            96,
            oneOf(
                    code(0, "none: with PASS_THROUGH only"),
                    code(30, "2 levels"),
                    code(39, "3 levels"),
                    code(48, "4 levels"),
                    code(57, "5 levels")));
    public static final BitField GUEST_DOMAIN_ID = DATA.bits(
            "guest_domain_id", 143, 128, about("the guest's own domain id; recorded, never a tag of the host"));

    /** The payload; bits 63:32 of the requester's word half and of the last word are reserved. */
    public static final Layout LAYOUT = DATA.build();

    private static final Layout.Builder HEADER_FLAGS = BindFormat.flags("vtd_bind_pgtable");
    public static final BitField FLAG_PASS_THROUGH = HEADER_FLAGS.bit(
            "PASS_THROUGH", 16, about("requests pass untranslated; needs ECAP.PT, table_root 0 and address_width 0"));
    public static final BitField FLAG_DEVICE_TLB = HEADER_FLAGS.bit(
            "DEVICE_TLB",
            17,
            about("the device has a TLB of its own: invalidations reach it too; needs ECAP.DT, and scalable mode with"
                    + " PASS_THROUGH"));

    /** The table is one of the first stage, of 48 or 57 bits. */
    public static final BitField FLAG_FIRST_STAGE = HEADER_FLAGS.bit(
            "FIRST_STAGE",
            18,
            since(VtdGeneration.SCALABLE),
            about("a table of the first stage, of 4 or 5 levels; needs ECAP.FSTS and SMPWCS, and CAP.FS5LP for 5"));

    /** Supervisor requests are allowed. */
    public static final BitField FLAG_SUPERVISOR = HEADER_FLAGS.bit(
            "SUPERVISOR",
            19,
            since(VtdGeneration.SCALABLE),
            about("PASID entry SRE: supervisor requests are allowed; needs FIRST_STAGE and ECAP.SRS"));

    /** Write protection counts for supervisor requests. */
    public static final BitField FLAG_WRITE_PROTECT = HEADER_FLAGS.bit(
            "WRITE_PROTECT",
            20,
            since(VtdGeneration.SCALABLE),
            about("PASID entry WPE: R/W counts for supervisor requests, too; needs SUPERVISOR"));

    /** Extended accessed flags. */
    public static final BitField FLAG_EXTENDED_ACCESSED = HEADER_FLAGS.bit(
            "EXTENDED_ACCESSED",
            21,
            since(VtdGeneration.SCALABLE),
            about("PASID entry EAFE: extended accessed flags; needs FIRST_STAGE and ECAP.EAFS"));

    /** Accessed and dirty flags of second-stage tables. */
    public static final BitField FLAG_ACCESSED_DIRTY = HEADER_FLAGS.bit(
            "ACCESSED_DIRTY",
            22,
            since(VtdGeneration.SCALABLE),
            about("PASID entry SSADE: accessed and dirty flags of a second-stage table; needs ECAP.SSADS"));

    /** Page requests of the device are taken. */
    public static final BitField FLAG_PAGE_REQUESTS = HEADER_FLAGS.bit(
            "PAGE_REQUESTS",
            23,
            since(VtdGeneration.SCALABLE),
            about("context entry PRE: the device may ask for pages; needs DEVICE_TLB and ECAP.PRS"));

    public static final Layout FLAGS_LAYOUT = HEADER_FLAGS.build();

    /** Header flag: requests pass untranslated; needs ECAP.PT, a zero root and a zero width. */
    public static final int PASS_THROUGH = (int) FLAG_PASS_THROUGH.mask();

    /** Header flag: the device has a TLB of its own, so that invalidations reach it too; needs ECAP.DT. */
    public static final int DEVICE_TLB = (int) FLAG_DEVICE_TLB.mask();

    /** Header flag: the device may ask for pages; needs {@link #DEVICE_TLB} and ECAP.PRS. */
    public static final int PAGE_REQUESTS = (int) FLAG_PAGE_REQUESTS.mask();

    /** Flags that are the device's own, alike for all its PASIDs. */
    public static final int DEVICE_FLAGS = DEVICE_TLB | PAGE_REQUESTS;

    /** Flags that say how a table is read. */
    public static final List<BitField> OPTIONS =
            List.of(FLAG_SUPERVISOR, FLAG_WRITE_PROTECT, FLAG_EXTENDED_ACCESSED, FLAG_ACCESSED_DIRTY);

    /** Those that all who use a table have alike, VT-d 6.2.3.1. */
    public static final int ONE_WAY_OPTIONS = (int) (FLAG_EXTENDED_ACCESSED.mask() | FLAG_ACCESSED_DIRTY.mask());

    /** All header flags of legacy mode. */
    public static final int FLAGS = PASS_THROUGH | DEVICE_TLB;

    /** All header flags of scalable mode. */
    public static final int SCALABLE_FLAGS = FLAGS
            | PAGE_REQUESTS
            | (int) (FLAG_FIRST_STAGE.mask()
                    | OPTIONS.stream().mapToLong(BitField::mask).sum());

    /** Header flags of a PASID in extended-context mode, which has tables of the first stage only. */
    public static final int EXTENDED_CONTEXT_FLAGS = SCALABLE_FLAGS & ~PASS_THROUGH & ~(int) FLAG_ACCESSED_DIRTY.mask();

    private BindPgtable() {}
}
