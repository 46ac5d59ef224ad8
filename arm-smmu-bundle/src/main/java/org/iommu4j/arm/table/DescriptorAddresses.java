package org.iommu4j.arm.table;

/** Says where a stage-1 descriptor is in physical memory: with two stages its address is an intermediate one. */
public interface DescriptorAddresses {
    /** There is no such address: stage 2 refuses. */
    long NONE = -1;

    /**
     * The physical address of a descriptor.
     *
     * @param address as the table above, or the context descriptor, has it
     * @param write true if hardware is to update it
     * @return {@link #NONE} if stage 2 refuses, and has said why
     */
    long locate(long address, boolean write);
}
