package org.iommu4j.amd.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;
import static org.iommu4j.layout.FieldOption.since;

import org.iommu4j.contract.BindFormat;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * Vendor part of BIND_PASIDTBL: requests of a device with a PASID go through the guest's own GCR3 table. Layout and flag UNBIND as in
 * {@link BindPgtable}.
 */
public final class BindPasidTable {
    private static final Layout.Builder DATA = Layout.named("amdvi_bind_pasidtbl")
            .size(192)
            .littleEndian()
            .spec("docs/contract.md, BIND_PASIDTBL of AMD-Vi");
    public static final BitField TABLE_ROOT = DATA.address("table_root", 63, 12, about("root of the GCR3 table"));
    public static final BitField REQUESTER =
            DATA.bits("requester", 79, 64, about("DeviceID: bus 15:8, device 7:3, function 2:0"));

    /** Levels of the GCR3 table, less 1. */
    public static final BitField GLX =
            DATA.bits("glx", 97, 96, oneOf(code(0, "1 level"), code(1, "2 levels"), code(2, "3 levels")));

    /** Guest paging mode. */
    public static final BitField GUEST_PAGING_MODE =
            DATA.bits("guest_paging_mode", 99, 98, oneOf(code(0, "4 levels"), code(1, "5 levels")));

    public static final BitField GIOV = DATA.bit("giov", 100, about("requests without PASID have PASID 0"));

    /** The root is a guest physical address, which the host table below translates: GCR3TRPMode. */
    public static final BitField GUEST_ROOT = DATA.bit(
            "guest_root",
            101,
            since(AmdViGeneration.NESTED),
            about("table_root is a guest physical address (GCR3TRPMode), else a system physical one"));

    /** The guest's own domain id, which its commands name; guests of older generations have none. */
    public static final BitField GUEST_DOMAIN_ID = DATA.bits(
            "guest_domain_id",
            143,
            128,
            since(AmdViGeneration.NESTED),
            about("the guest's own domain id; never a tag of the host"));

    public static final Layout LAYOUT = DATA.build();

    /** The header's flags: the contract's own alone. */
    public static final Layout FLAGS_LAYOUT =
            BindFormat.flags("amdvi_bind_pasidtbl").build();

    private BindPasidTable() {}
}
