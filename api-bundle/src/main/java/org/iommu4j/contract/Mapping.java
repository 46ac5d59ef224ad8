package org.iommu4j.contract;

/**
 * A range of guest-physical addresses of a container, and the host memory behind it. Addresses are unsigned.
 *
 * @param iova guest-physical address of the first byte
 * @param pa host-physical address of the first byte
 * @param size in bytes, not 0; neither range wraps, but each may end at 2^64
 * @param flags {@link Uapi#MAP_FLAG_READ}, {@link Uapi#MAP_FLAG_WRITE} or both
 */
public record Mapping(long iova, long pa, long size, int flags) {
    /** Guest-physical address of the last byte. */
    public long last() {
        return iova + size - 1;
    }

    /** True if devices may read. */
    public boolean isReadable() {
        return (flags & Uapi.MAP_FLAG_READ) != 0;
    }

    /** True if devices may write. */
    public boolean isWritable() {
        return (flags & Uapi.MAP_FLAG_WRITE) != 0;
    }

    /** True if it holds a guest-physical address. */
    public boolean contains(long address) {
        return Long.compareUnsigned(address - iova, size) < 0;
    }

    @Override
    public String toString() {
        return "0x" + Long.toHexString(iova) + " +0x" + Long.toHexString(size) + " -> 0x" + Long.toHexString(pa)
                + (isReadable() ? " r" : " ")
                + (isWritable() ? "w" : "");
    }
}
