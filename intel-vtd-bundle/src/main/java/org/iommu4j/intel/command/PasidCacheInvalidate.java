package org.iommu4j.intel.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;
import static org.iommu4j.layout.FieldOption.since;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** PASID-cache invalidate descriptor, type 0x7, VT-d 6.5.2.2. */
public final class PasidCacheInvalidate {
    private static final Layout.Builder DSC =
            Layout.named("pc_inv_dsc").size(128).littleEndian().spec("VT-d 6.5.2.2");
    public static final BitField TYPE = DSC.bits("Type", 3, 0, oneOf(code(7, "PASID-cache invalidate")));
    public static final BitField G = DSC.bits("G", 5, 4, oneOf(code(0, "domain"), code(1, "pasid"), code(3, "global")));
    public static final BitField TYPE_HIGH =
            DSC.bits("TypeHigh", 11, 9, since(VtdGeneration.WIDE_TYPE), oneOf(code(0, "types 0x0 to 0xf")));

    /** Domain id, unless everything is dropped. */
    public static final BitField DID = DSC.bits("DID", 31, 16, about("domain id"));

    public static final BitField PASID = DSC.bits("PASID", 51, 32, about("PASID"));

    public static final Layout LAYOUT = DSC.build();

    // Codes of G.
    public static final int DOMAIN = 0;
    public static final int ONE_PASID = 1;
    public static final int GLOBAL = 3;

    private PasidCacheInvalidate() {}
}
