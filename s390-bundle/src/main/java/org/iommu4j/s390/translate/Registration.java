package org.iommu4j.s390.translate;

/**
 * What a function's address translation is registered with.
 *
 * @param iota the anchor
 * @param pba first address of the aperture
 * @param pal last address of the aperture, inclusive
 */
record Registration(long iota, long pba, long pal) {
    /** True if a range is inside of the aperture as a whole. */
    boolean covers(long first, long last) {
        return Long.compareUnsigned(first, pba) >= 0 && Long.compareUnsigned(last, pal) <= 0;
    }

    /** True if a range shares a byte with the aperture. */
    boolean touches(long first, long last) {
        return Long.compareUnsigned(first, pal) <= 0 && Long.compareUnsigned(last, pba) >= 0;
    }
}
