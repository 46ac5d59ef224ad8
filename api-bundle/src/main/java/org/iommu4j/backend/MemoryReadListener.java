package org.iommu4j.backend;

/** Sees what is read of a machine's memory, as a probe on its bus would. */
@FunctionalInterface
public interface MemoryReadListener {
    /**
     * Something was read, and nothing after it yet; what the listener writes to memory is what the next read sees.
     *
     * @param pa first address
     * @param lengthBytes 16 at most, which were read as one; a longer read is told word by word
     */
    void read(long pa, int lengthBytes);
}
