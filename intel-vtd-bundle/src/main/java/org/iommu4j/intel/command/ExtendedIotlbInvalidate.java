package org.iommu4j.intel.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * Extended IOTLB invalidate descriptor, type 0x6 of extended-context mode, docs/spec/intel-vtd.md 2.3: as {@link PasidIotlbInvalidate},
 * with two more granularities and a bit for global pages.
 */
public final class ExtendedIotlbInvalidate {
    private static final Layout.Builder DSC =
            Layout.named("ext_iotlb_inv_dsc").size(128).littleEndian().spec("docs/spec/intel-vtd.md 2.3");

    public static final BitField G = DSC.bits(
            "G",
            5,
            4,
            oneOf(
                    code(0, "all PASIDs, with global pages"),
                    code(1, "all PASIDs, without global pages"),
                    code(2, "pasid"),
                    code(3, "page")));

    /** Global pages, too; counts with {@link PasidIotlbInvalidate#PAGE}. */
    public static final BitField GL = DSC.bit("GL", 71, about("global pages, too"));

    public static final Layout LAYOUT = DSC.shared(
                    PasidIotlbInvalidate.TYPE,
                    PasidIotlbInvalidate.DID,
                    PasidIotlbInvalidate.PASID,
                    PasidIotlbInvalidate.AM,
                    PasidIotlbInvalidate.IH,
                    PasidIotlbInvalidate.ADDR)
            .build();

    private ExtendedIotlbInvalidate() {}

    /** True if the entries of every PASID of a domain are dropped: address and PASID are ignored. */
    public static boolean isOfAllPasids(long word0) {
        return G.get(word0) < PasidIotlbInvalidate.ONE_PASID;
    }
}
