package org.iommu4j.backend;

/** What a chip may keep of the tables that it reads, whatever the model calls it. */
public enum CachedKind {
    /** What a requester is: context entry, device table entry, stream table entry, partition endpoint. */
    CONTEXT("context"),
    /** What an address space of a requester is: PASID entry, context descriptor. */
    PASID("pasid"),
    /** Where a table of a lower level is. */
    PAGING_STRUCTURE("paging-structure"),
    /** Where a page is, or that there is none. */
    TRANSLATION("translation"),
    /** A translation that a device keeps itself. */
    DEVICE("device-tlb");

    private final String label;

    CachedKind(String label) {
        this.label = label;
    }

    /** Its name in reports. */
    public String label() {
        return label;
    }
}
