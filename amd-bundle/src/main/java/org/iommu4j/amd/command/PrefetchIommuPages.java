package org.iommu4j.amd.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;
import static org.iommu4j.layout.FieldOption.when;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** PREFETCH_IOMMU_PAGES, 48882 2.4.6: a hint, but for Inval, which drops the range first. */
public final class PrefetchIommuPages {
    private static final Layout.Builder CMD =
            Layout.named("PREFETCH_IOMMU_PAGES").size(128).littleEndian().spec("AMD 48882 2.4.6");
    public static final BitField DEVICE_ID = CMD.bits("DeviceID", 15, 0, about("bus 15:8, device 7:3, function 2:0"));

    /** How many translations to prefetch. */
    public static final BitField COUNT = CMD.bits("PFCount", 31, 24, about("translations to prefetch"));

    /** The PASID; ignored unless GN. */
    public static final BitField PASID = CMD.bits("PASID", 51, 32, when("GTSup"), about("with GN"));

    public static final BitField OPCODE = CMD.bits("Opcode", 63, 60, oneOf(code(6, "prefetch IOMMU pages")));

    /** The address carries a size. */
    public static final BitField S = CMD.bit("S", 64, about("0: 4 KiB; 1: size is in the address"));

    public static final BitField GN = CMD.bit("GN", 66, when("GTSup"), about("guest virtual address of the PASID"));
    public static final BitField INVAL = CMD.bit("Inval", 68, about("invalidate the range first"));
    public static final BitField ADDRESS = CMD.address("Address", 127, 76, about("address and size"));

    public static final Layout LAYOUT = CMD.build();

    private PrefetchIommuPages() {}
}
