package org.iommu4j.amd.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;
import static org.iommu4j.layout.FieldOption.since;

import org.iommu4j.contract.BindFormat;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * Vendor part of BIND_PGTABLE: one device translates through one host (v1) table of the guest, or passes untranslated. It follows
 * the 20 bytes of the bind header; with the outer 12 bytes every 64-bit field is aligned in the whole message.
 *
 * <p>The flag UNBIND takes the same bytes: they must name what is bound. Addresses are host physical: containers map guest
 * memory one to one in this release.
 */
public final class BindPgtable {
    private static final Layout.Builder DATA = Layout.named("amdvi_bind_pgtable")
            .size(192)
            .littleEndian()
            .spec("docs/contract.md, BIND_PGTABLE of AMD-Vi");

    /** Address of the table's top level; 0 with {@link #FLAG_PASS_THROUGH}. */
    public static final BitField TABLE_ROOT =
            DATA.address("table_root", 63, 12, about("top level of the table; 0 with PASS_THROUGH"));

    /** The guest's DeviceID: bus in bits 15:8, device in 7:3, function in 2:0. */
    public static final BitField REQUESTER =
            DATA.bits("requester", 79, 64, about("DeviceID: bus 15:8, device 7:3, function 2:0"));

    /** Levels of the table, the Mode of its device table entry. */
    public static final BitField MODE = DATA.bits(
            "mode",
            127,
            96,
            oneOf(
                    code(0, "none: with PASS_THROUGH only"),
                    code(1, "1 level"),
                    code(2, "2 levels"),
                    code(3, "3 levels"),
                    code(4, "4 levels"),
                    code(5, "5 levels"),
                    code(6, "6 levels")));

    /** The guest's own domain id, which its commands name; guests of older generations have none. */
    public static final BitField GUEST_DOMAIN_ID = DATA.bits(
            "guest_domain_id",
            143,
            128,
            since(AmdViGeneration.NESTED),
            about("the guest's own domain id; never a tag of the host"));

    public static final Layout LAYOUT = DATA.build();

    private static final Layout.Builder HEADER_FLAGS = BindFormat.flags("amdvi_bind_pgtable");

    /** Requests pass untranslated. */
    public static final BitField FLAG_PASS_THROUGH = HEADER_FLAGS.bit(
            "PASS_THROUGH",
            16,
            about("requests pass untranslated; table_root and mode are 0; with SNP above a memory map only"));

    /** The device has a TLB of its own. */
    public static final BitField FLAG_DEVICE_TLB = HEADER_FLAGS.bit(
            "DEVICE_TLB", 17, about("the device has a TLB of its own: invalidations reach it too; needs IotlbSup"));

    /** The device may ask for pages. */
    public static final BitField FLAG_PAGE_REQUESTS = HEADER_FLAGS.bit(
            "PAGE_REQUESTS",
            23,
            about("the device may ask for pages, below and with PASIDs; needs DEVICE_TLB and PPRSup"));

    /** The header's flags as this payload uses them. */
    public static final Layout FLAGS_LAYOUT = HEADER_FLAGS.build();

    /** Header flags that are the device's own, whatever is bound above. */
    public static final int DEVICE_FLAGS = (int) (FLAG_DEVICE_TLB.mask() | FLAG_PAGE_REQUESTS.mask());

    /** All header flags that the payload defines. */
    public static final int FLAGS = (int) FLAG_PASS_THROUGH.mask() | DEVICE_FLAGS;

    private BindPgtable() {}
}
