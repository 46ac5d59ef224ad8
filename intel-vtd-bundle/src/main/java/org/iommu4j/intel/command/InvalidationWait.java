package org.iommu4j.intel.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;
import static org.iommu4j.layout.FieldOption.since;
import static org.iommu4j.layout.FieldOption.when;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Invalidation wait descriptor, type 0x5, VT-d 6.5.2.9. */
public final class InvalidationWait {
    private static final Layout.Builder DSC =
            Layout.named("inv_wait_dsc").size(128).littleEndian().spec("VT-d 6.5.2.9");
    public static final BitField TYPE = DSC.bits("Type", 3, 0, oneOf(code(5, "invalidation wait")));
    public static final BitField IF = DSC.bit("IF", 4, about("raise the completion event"));
    public static final BitField SW = DSC.bit("SW", 5, about("write the status data"));

    /** Fence: later descriptors start after this one has completed. */
    public static final BitField FN = DSC.bit("FN", 6, about("fence"));

    public static final BitField PD = DSC.bit("PD", 7, when("PDS"), about("drain page requests"));
    public static final BitField TYPE_HIGH =
            DSC.bits("TypeHigh", 11, 9, since(VtdGeneration.WIDE_TYPE), oneOf(code(0, "types 0x0 to 0xf")));
    public static final BitField STATUS_DATA = DSC.bits("StatusData", 63, 32, about("what is written"));
    public static final BitField STATUS_ADDRESS = DSC.address("StatusAddress", 127, 66, about("where it is written"));

    public static final Layout LAYOUT = DSC.build();

    private InvalidationWait() {}
}
