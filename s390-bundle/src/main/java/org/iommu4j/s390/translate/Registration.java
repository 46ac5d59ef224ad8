package org.iommu4j.s390.translate;

import org.iommu4j.driver.bind.BindPart;
import org.iommu4j.s390.command.BindPgtable;

/**
 * A registration of address translation.
 *
 * @param iota the anchor
 * @param pba first address of the aperture
 * @param pal last address of the aperture, inclusive
 */
record Registration(long iota, long pba, long pal) {
    /** The registration in the vendor part of a bind. */
    static Registration of(BindPart part) {
        return new Registration(part.get(BindPgtable.IOTA), part.get(BindPgtable.PBA), part.get(BindPgtable.PAL));
    }

    /** True if a range is inside of the aperture as a whole. */
    boolean covers(long first, long last) {
        return Long.compareUnsigned(first, pba) >= 0 && Long.compareUnsigned(last, pal) <= 0;
    }

    /** True if a range shares a byte with the aperture. */
    boolean touches(long first, long last) {
        return Long.compareUnsigned(first, pal) <= 0 && Long.compareUnsigned(last, pba) >= 0;
    }
}
