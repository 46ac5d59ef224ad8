package org.iommu4j.backend;

import org.osgi.annotation.versioning.ProviderType;

/**
 * Host physical memory as a chip and a driver see it. Addresses are in bytes, unsigned, up to 52 bits. Multi-byte
 * accesses must be naturally aligned; memory that was never written reads as zero.
 *
 * <p>Every access outside the memory throws {@link BusErrorException} and changes nothing.
 */
@ProviderType
public interface PhysicalMemory {
    /** The 64-bit little-endian word at {@code pa}, a multiple of 8. */
    long readLongLe(long pa);

    /** The 64-bit big-endian word at {@code pa}, a multiple of 8. */
    long readLongBe(long pa);

    /** The 32-bit little-endian word at {@code pa}, a multiple of 4. */
    int readIntLe(long pa);

    /** Stores a 64-bit little-endian word at {@code pa}, a multiple of 8. */
    void writeLongLe(long pa, long value);

    /** Reads the two 64-bit little-endian words at {@code pa}, a multiple of 16, to the front of {@code target}. */
    void readPairLe(long pa, long[] target);

    /** Stores two 64-bit little-endian words at {@code pa}, a multiple of 16. */
    void writePairLe(long pa, long first, long second);

    /** Stores a 64-bit big-endian word at {@code pa}, a multiple of 8. */
    void writeLongBe(long pa, long value);

    /** Stores a 32-bit little-endian word at {@code pa}, a multiple of 4. */
    void writeIntLe(long pa, int value);

    /** Copies {@code length} bytes at {@code pa}, of any alignment, to {@code target}. */
    void read(long pa, byte[] target, int offset, int length);

    /** Copies {@code length} bytes to {@code pa}, of any alignment. */
    void write(long pa, byte[] source, int offset, int length);

    /** True if all of {@code length} bytes at {@code pa} are memory. */
    boolean contains(long pa, long length);
}
