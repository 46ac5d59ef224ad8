package org.iommu4j.intel.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;
import static org.iommu4j.layout.FieldOption.since;
import static org.iommu4j.layout.FieldOption.when;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Device-TLB invalidate descriptor, type 0x3, VT-d 6.5.2.5. */
public final class DeviceTlbInvalidate {
    private static final Layout.Builder DSC =
            Layout.named("dev_tlb_inv_dsc").size(128).littleEndian().spec("VT-d 6.5.2.5");
    public static final BitField TYPE = DSC.bits("Type", 3, 0, oneOf(code(3, "device-TLB invalidate")));
    public static final BitField TYPE_HIGH =
            DSC.bits("TypeHigh", 11, 9, since(VtdGeneration.WIDE_TYPE), oneOf(code(0, "types 0x0 to 0xf")));

    /** Physical function's source id, bits 3:0. */
    public static final BitField PFSID_LOW = DSC.bits("PFSID[3:0]", 15, 12, when("DIT"));

    /** Most invalidations that the device takes at once; 0 stands for 32. */
    public static final BitField MIP = DSC.bits("MIP", 20, 16, about("queue depth of the device, 0: 32"));

    public static final BitField SID = DSC.bits("SID", 47, 32, about("source id"));

    /** Physical function's source id, bits 15:4. */
    public static final BitField PFSID_HIGH = DSC.bits("PFSID[15:4]", 63, 52, when("DIT"));

    /** Size: 0 one page; 1 the ones from bit 12 of the address upwards encode the size. */
    public static final BitField S = DSC.bit("S", 64, about("0: 4 KiB; 1: size is in the address"));

    public static final BitField ADDR = DSC.address("ADDR", 127, 76, about("address and size"));

    public static final Layout LAYOUT = DSC.build();

    /** Value of word 1 that stands for the whole address space. */
    public static final long ALL = 0x7fff_ffff_ffff_f001L;

    private DeviceTlbInvalidate() {}

    /** PFSID of a device, in word 0 of this descriptor and of that with a PASID; for units with ECAP.DIT. */
    public static long physicalFunction(int sourceId) {
        int lowBits = PFSID_LOW.width();
        return PFSID_LOW.of(sourceId & ((1 << lowBits) - 1)) | PFSID_HIGH.of(sourceId >>> lowBits);
    }

    /**
     * log2 of the number of 4 KiB pages that word 1 covers: 0 to 52.
     *
     * @param word1 second word of a descriptor
     */
    public static int pagesShift(long word1) {
        return S.isSet(word1) ? Math.min(52, Long.numberOfTrailingZeros(~(word1 >>> 12)) + 1) : 0;
    }

    /** True if word 1 covers the whole address space. */
    public static boolean isAll(long word1) {
        return pagesShift(word1) >= 52;
    }

    /**
     * First address that word 1 covers; 0 for the whole address space.
     *
     * @param word1 second word of a descriptor
     */
    public static long firstAddress(long word1) {
        int shift = pagesShift(word1);
        return shift >= 52 ? 0 : ADDR.get(word1) & -1L << (shift + 12);
    }
}
