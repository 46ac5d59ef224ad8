package org.iommu4j.intel.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.contract.BindFormat;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * Vendor part of BIND_PGTABLE in legacy mode: one device translates through one second-stage table of the guest. It
 * follows the 20 bytes of the bind header; with the outer 12 bytes every 64-bit field is aligned in the whole message.
 *
 * <p>The flag UNBIND takes the same bytes: they must name what is bound. Addresses are host physical: containers map guest
 * memory one to one in this release.
 */
public final class BindPgtable {
    private static final Layout.Builder DATA =
            Layout.named("vtd_bind_pgtable").size(192).littleEndian().spec("docs/contract.md, BIND_PGTABLE of VT-d");
    public static final BitField TABLE_ROOT =
            DATA.address("table_root", 63, 12, about("top level of the second-stage table; 0 with PASS_THROUGH"));
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
            about("the device has a TLB of its own: invalidations reach it too; needs ECAP.DT, not with PASS_THROUGH"));

    public static final Layout FLAGS_LAYOUT = HEADER_FLAGS.build();

    /** Header flag: requests pass untranslated; needs ECAP.PT, a zero root and a zero width. */
    public static final int PASS_THROUGH = (int) FLAG_PASS_THROUGH.mask();

    /** Header flag: the device has a TLB of its own, so that invalidations reach it too; needs ECAP.DT. */
    public static final int DEVICE_TLB = (int) FLAG_DEVICE_TLB.mask();

    /** All header flags that VT-d defines. */
    public static final int FLAGS = PASS_THROUGH | DEVICE_TLB;

    private BindPgtable() {}
}
