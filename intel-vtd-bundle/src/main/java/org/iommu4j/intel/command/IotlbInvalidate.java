package org.iommu4j.intel.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;
import static org.iommu4j.layout.FieldOption.since;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** IOTLB invalidate descriptor, type 0x2, VT-d 6.5.2.3. */
public final class IotlbInvalidate {
    private static final Layout.Builder DSC =
            Layout.named("iotlb_inv_dsc").size(128).littleEndian().spec("VT-d 6.5.2.3");
    public static final BitField TYPE = DSC.bits("Type", 3, 0, oneOf(code(2, "IOTLB invalidate")));
    public static final BitField G = DSC.bits("G", 5, 4, oneOf(code(1, "global"), code(2, "domain"), code(3, "page")));
    public static final BitField DW = DSC.bit("DW", 6, about("drain writes"));
    public static final BitField DR = DSC.bit("DR", 7, about("drain reads"));
    public static final BitField TYPE_HIGH =
            DSC.bits("TypeHigh", 11, 9, since(VtdGeneration.WIDE_TYPE), oneOf(code(0, "types 0x0 to 0xf")));
    public static final BitField DID = DSC.bits("DID", 31, 16, about("domain id"));

    /** Address mask: 2^AM pages of 4 KiB; at most CAP.MAMV. */
    public static final BitField AM = DSC.bits("AM", 69, 64, about("2^AM pages of 4 KiB"));

    /** Invalidation hint: only leaf entries were changed, paging-structure caches may be kept. */
    public static final BitField IH = DSC.bit("IH", 70, about("only leaf entries were changed"));

    /** First address; its low AM page bits are ignored. */
    public static final BitField ADDR = DSC.address("ADDR", 127, 76, about("first page"));

    public static final Layout LAYOUT = DSC.build();

    // Codes of G.
    public static final int GLOBAL = 1;
    public static final int DOMAIN = 2;
    public static final int PAGE = 3;

    private IotlbInvalidate() {}
}
