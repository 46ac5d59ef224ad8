package org.iommu4j.intel.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;
import static org.iommu4j.layout.FieldOption.since;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Context-cache invalidate descriptor, type 0x1, VT-d 6.5.2.1. */
public final class ContextCacheInvalidate {
    private static final Layout.Builder DSC =
            Layout.named("cc_inv_dsc").size(128).littleEndian().spec("VT-d 6.5.2.1");
    public static final BitField TYPE = DSC.bits("Type", 3, 0, oneOf(code(1, "context-cache invalidate")));
    public static final BitField G =
            DSC.bits("G", 5, 4, oneOf(code(1, "global"), code(2, "domain"), code(3, "device")));
    public static final BitField TYPE_HIGH =
            DSC.bits("TypeHigh", 11, 9, since(VtdGeneration.WIDE_TYPE), oneOf(code(0, "types 0x0 to 0xf")));

    /** Domain id; part of the match for domain and device. */
    public static final BitField DID = DSC.bits("DID", 31, 16, about("domain id"));

    public static final BitField SID = DSC.bits("SID", 47, 32, about("source id"));

    /** How many low bits of the function number are ignored in the match of the source id. */
    public static final BitField FM = DSC.bits(
            "FM",
            49,
            48,
            oneOf(
                    code(0, "all bits compared"),
                    code(1, "SID[2] ignored"),
                    code(2, "SID[2:1] ignored"),
                    code(3, "SID[2:0] ignored")));

    public static final Layout LAYOUT = DSC.build();

    // Codes of G.
    public static final int GLOBAL = 1;
    public static final int DOMAIN = 2;
    public static final int DEVICE = 3;

    private ContextCacheInvalidate() {}

    /**
     * The bits of a source id that a function mask makes the match ignore.
     *
     * @param functionMask value of {@link #FM}, 0 to 3
     */
    public static int ignoredSourceBits(int functionMask) {
        return switch (functionMask) {
            case 1 -> 0b100;
            case 2 -> 0b110;
            case 3 -> 0b111;
            default -> 0;
        };
    }
}
