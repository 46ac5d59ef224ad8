package org.iommu4j.intel.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;
import static org.iommu4j.layout.FieldOption.since;
import static org.iommu4j.layout.FieldOption.when;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** PASID-based device-TLB invalidate descriptor, type 0x8, VT-d 6.5.2.6. */
public final class PasidDeviceTlbInvalidate {
    private static final Layout.Builder DSC =
            Layout.named("p_dev_tlb_inv_dsc").size(128).littleEndian().spec("VT-d 6.5.2.6");
    public static final BitField TYPE = DSC.bits("Type", 3, 0, oneOf(code(8, "PASID-based device-TLB invalidate")));

    /** Most invalidations that the device takes at once; 0 stands for 32. */
    public static final BitField MIP = DSC.bits("MIP", 8, 4, about("queue depth of the device, 0: 32"));

    public static final BitField TYPE_HIGH =
            DSC.bits("TypeHigh", 11, 9, since(VtdGeneration.WIDE_TYPE), oneOf(code(0, "types 0x0 to 0xf")));

    /** Physical function's source id, bits 3:0. */
    public static final BitField PFSID_LOW = DSC.bits("PFSID[3:0]", 15, 12, when("DIT"));

    public static final BitField SID = DSC.bits("SID", 31, 16, about("source id"));
    public static final BitField PASID = DSC.bits("PASID", 51, 32, about("PASID, ignored with GI"));

    /** Physical function's source id, bits 15:4. */
    public static final BitField PFSID_HIGH = DSC.bits("PFSID[15:4]", 63, 52, when("DIT"));

    public static final BitField GI = DSC.bit("GI", 64, about("1: every PASID of the function"));

    /** Size: 0 one page; 1 the ones from bit 12 of the address upwards encode the size. */
    public static final BitField S = DSC.bit("S", 75, about("0: 4 KiB; 1: size is in the address"));

    public static final BitField ADDR = DSC.address("ADDR", 127, 76, about("address and size"));

    public static final Layout LAYOUT = DSC.build();

    private PasidDeviceTlbInvalidate() {}

    /**
     * The second word as a device-TLB invalidation without PASID has it: the two say a range alike, but for the place of S.
     *
     * @param word1 second word of a descriptor
     */
    public static long range(long word1) {
        return ADDR.get(word1) | DeviceTlbInvalidate.S.of(S.get(word1));
    }
}
