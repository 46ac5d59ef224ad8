package org.iommu4j.simulation.register;

/** Decides what a software write leaves in a register, after the access rules were applied. */
@FunctionalInterface
public interface WriteFilter {
    /**
     * The value to store.
     *
     * @param before the whole register before the write
     * @param proposed the whole register as the access rules would leave it; return {@code before} to refuse the write
     * @param written what software wrote, at its place in the register
     * @param lanes the bits of the register that the access covers and that are not locked
     */
    long filter(long before, long proposed, long written, long lanes);
}
