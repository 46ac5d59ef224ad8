package org.iommu4j.intel.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;
import static org.iommu4j.layout.FieldOption.since;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** PASID-based IOTLB invalidate descriptor, type 0x6, VT-d 6.5.2.4. */
public final class PasidIotlbInvalidate {
    private static final Layout.Builder DSC =
            Layout.named("p_iotlb_inv_dsc").size(128).littleEndian().spec("VT-d 6.5.2.4");
    public static final BitField TYPE = DSC.bits("Type", 3, 0, oneOf(code(6, "PASID-based IOTLB invalidate")));
    public static final BitField G = DSC.bits("G", 5, 4, oneOf(code(2, "pasid"), code(3, "page")));
    public static final BitField TYPE_HIGH =
            DSC.bits("TypeHigh", 11, 9, since(VtdGeneration.WIDE_TYPE), oneOf(code(0, "types 0x0 to 0xf")));
    public static final BitField DID = DSC.bits("DID", 31, 16, about("domain id"));
    public static final BitField PASID = DSC.bits("PASID", 51, 32, about("PASID"));

    /** Address mask: 2^AM pages of 4 KiB; CAP.MAMV does not limit it, VT-d 11.4.2. */
    public static final BitField AM = DSC.bits("AM", 69, 64, about("2^AM pages of 4 KiB"));

    /** Invalidation hint: only leaf entries were changed, paging-structure caches may be kept. */
    public static final BitField IH = DSC.bit("IH", 70, about("only leaf entries were changed"));

    /** First address; its low AM page bits are ignored. */
    public static final BitField ADDR = DSC.address("ADDR", 127, 76, about("first page"));

    public static final Layout LAYOUT = DSC.build();

    // Codes of G.
    public static final int ONE_PASID = 2;
    public static final int PAGE = 3;

    private PasidIotlbInvalidate() {}
}
