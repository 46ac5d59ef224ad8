package org.iommu4j.backend;

/**
 * What a driver takes of a container's memory map, which becomes a stage of translation of its own.
 *
 * @param pageSizes one bit for each size of a page in bytes, as VFIO's {@code iova_pgsizes}; 0 if it takes none
 * @param addressBits width of a guest-physical address, 1 to 64
 */
public record MemoryMapSupport(long pageSizes, int addressBits) {
    /** No memory map: the chip or the driver has no stage for it. */
    public static final MemoryMapSupport NONE = new MemoryMapSupport(0, Long.SIZE);

    /** A capability of generations whose chips usually take a memory map; clients may demand it. */
    public static final String CAPABILITY = "memory-map";

    /** True if it takes one. */
    public boolean isThere() {
        return pageSizes != 0;
    }

    /** True if an address or a length is a multiple of the smallest page. */
    public boolean isAligned(long value) {
        return (value & (Long.lowestOneBit(pageSizes) - 1)) == 0;
    }

    /** True if a guest-physical address has no more bits than a stage can translate. */
    public boolean isWithin(long address) {
        return addressBits >= Long.SIZE || address >>> addressBits == 0;
    }
}
