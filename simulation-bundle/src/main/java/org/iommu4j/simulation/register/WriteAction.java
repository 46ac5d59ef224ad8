package org.iommu4j.simulation.register;

/** Does what a software write to a register starts. */
@FunctionalInterface
public interface WriteAction {
    /**
     * A write has been stored.
     *
     * @param before the whole register before the write
     * @param after the whole register now
     * @param written what software wrote, at its place in the register; also bits that are not stored
     * @param lanes the bits of the register that the access covers and that are not locked
     */
    void written(long before, long after, long written, long lanes);
}
