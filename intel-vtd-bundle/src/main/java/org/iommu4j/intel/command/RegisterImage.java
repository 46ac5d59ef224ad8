package org.iommu4j.intel.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * Vendor part of an invalidation in generation 0x0100: what a guest writes to the IOTLB register ({@code low}) and to the
 * IVA register ({@code high}), VT-d 11.4.6.3 and 11.4.6.4. The bits that hardware answers in (IAIG) are reserved here; IVT
 * is the guest's start bit and may have either value, since the host starts the command.
 */
public final class RegisterImage {
    private static final Layout.Builder IMAGE =
            Layout.named("vtd_iotlb_register_image").size(128).littleEndian().spec("VT-d 11.4.6.3, 11.4.6.4");
    public static final BitField DID = IMAGE.bits("DID", 47, 32, about("domain id; zero in a request"));
    public static final BitField DW = IMAGE.bit("DW", 48, about("drain writes; zero in a request"));
    public static final BitField DR = IMAGE.bit("DR", 49, about("drain reads; zero in a request"));
    public static final BitField IIRG =
            IMAGE.bits("IIRG", 61, 60, oneOf(code(1, "global"), code(2, "domain"), code(3, "page")));
    public static final BitField IVT = IMAGE.bit("IVT", 63, about("start; either value"));
    public static final BitField AM = IMAGE.bits("AM", 69, 64, about("2^AM pages of 4 KiB"));
    public static final BitField IH = IMAGE.bit("IH", 70, about("only leaf entries were changed"));
    public static final BitField ADDR = IMAGE.address("ADDR", 127, 76, about("first page"));

    public static final Layout LAYOUT = IMAGE.build();

    private RegisterImage() {}
}
