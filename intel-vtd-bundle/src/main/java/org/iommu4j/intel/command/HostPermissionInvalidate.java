package org.iommu4j.intel.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;
import static org.iommu4j.layout.FieldOption.since;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Host-permission-table cache invalidate descriptor, type 0xa, VT-d 6.5.2.7. */
public final class HostPermissionInvalidate {
    // Codes of G.
    public static final int GLOBAL = 1;
    public static final int DOMAIN = 2;
    public static final int PAGE = 3;

    private static final Layout.Builder DSC =
            Layout.named("hpt_inv_dsc").size(128).littleEndian().spec("VT-d 6.5.2.7");
    public static final BitField TYPE = DSC.bits("Type", 3, 0, oneOf(code(10, "host-permission cache invalidate")));
    public static final BitField G =
            DSC.bits("G", 5, 4, oneOf(code(GLOBAL, "global"), code(DOMAIN, "domain"), code(PAGE, "page")));
    public static final BitField TYPE_HIGH =
            DSC.bits("TypeHigh", 11, 9, since(VtdGeneration.WIDE_TYPE), oneOf(code(0, "types 0x0 to 0xf")));
    public static final BitField HPTDID = DSC.bits("HPTDID", 31, 16, about("domain id of the permission table"));
    public static final BitField AM = DSC.bits("AM", 69, 64, about("2^AM pages of 4 KiB"));

    /** Which levels of the table were changed. */
    public static final BitField IH = DSC.bits(
            "IH", 71, 70, oneOf(code(0, "level 1"), code(1, "levels 1, 2"), code(2, "levels 1 to 3"), code(3, "all")));

    public static final BitField ADDR = DSC.address("ADDR", 127, 76, about("first page of the host"));
    public static final Layout LAYOUT = DSC.build();

    private HostPermissionInvalidate() {}
}
