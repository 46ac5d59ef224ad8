package org.iommu4j.backend;

/** Sees the native commands that a translator writes; absent in normal use. */
@FunctionalInterface
public interface NativeCommandListener {
    /**
     * One command.
     *
     * @param bytes as they stand in the queue, or the words of a register write, hypercall or instruction, big endian
     */
    void command(byte[] bytes);
}
