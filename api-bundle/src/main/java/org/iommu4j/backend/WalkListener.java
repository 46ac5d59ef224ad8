package org.iommu4j.backend;

/** Sees the steps of a table walk, for explanations; absent in normal use. */
@FunctionalInterface
public interface WalkListener {
    /**
     * One table entry that the chip read.
     *
     * @param what name of the structure
     * @param pa where it was read
     * @param word its first 64 bits
     */
    void step(String what, long pa, long word);
}
