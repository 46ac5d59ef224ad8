package org.iommu4j.amd.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.contract.BindFormat;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * Vendor part of BIND_PASID: requests of a device with a PASID go through one guest (v2) table; the host keeps the GCR3 table. PASID
 * 0 also stands for requests without one if the unit has GIOSup. Layout and flag UNBIND as in {@link BindPgtable}.
 */
public final class BindPasid {
    private static final Layout.Builder DATA =
            Layout.named("amdvi_bind_pasid").size(192).littleEndian().spec("docs/contract.md, BIND_PASID of AMD-Vi");

    /** The guest's CR3: a guest physical address below a host table, else a physical one. */
    public static final BitField TABLE_ROOT = DATA.address("table_root", 63, 12, about("top level of the guest table"));

    public static final BitField REQUESTER =
            DATA.bits("requester", 79, 64, about("DeviceID: bus 15:8, device 7:3, function 2:0"));

    /** Levels of the guest table, which all PASIDs of a device share. */
    public static final BitField LEVELS = DATA.bits("levels", 127, 96, oneOf(code(4, "4 levels"), code(5, "5 levels")));

    public static final BitField PASID = DATA.bits("pasid", 147, 128, about("the PASID"));

    public static final Layout LAYOUT = DATA.build();

    /** The header's flags: the contract's own alone. */
    public static final Layout FLAGS_LAYOUT =
            BindFormat.flags("amdvi_bind_pasid").build();

    private BindPasid() {}
}
