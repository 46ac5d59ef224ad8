package org.iommu4j.backend;

/** Sees the cached translations of a chip. */
@FunctionalInterface
public interface CacheVisitor {
    /**
     * One cached translation.
     *
     * @param cache which cache: iotlb, paging-structure, context, device-tlb and so on
     * @param tag domain id, ASID and VMID, PE or function handle, as the chip tags it
     * @param pasid the PASID, or -1
     * @param iova first address
     * @param lengthBytes size of the page; 0 if the entry is not a range
     * @param pa what it translates to
     */
    void entry(String cache, long tag, int pasid, long iova, long lengthBytes, long pa);
}
