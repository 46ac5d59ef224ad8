package org.iommu4j.backend;

/** Kinds of cache entries, by the table that they come from, whatever the model calls them. */
public enum CachedKind {
    /** The translation context of a requester: context entry, device table entry, stream table entry, partition endpoint. */
    CONTEXT("context"),
    /** The address space of a requester's PASID: PASID entry, context descriptor. */
    PASID("pasid"),
    /** The physical address of a page table of a lower level. */
    PAGING_STRUCTURE("paging-structure"),
    /** A translation of a page, or that the page is not present. */
    TRANSLATION("translation"),
    /** A translation that a device keeps itself. */
    DEVICE("device-tlb");

    private final String label;

    CachedKind(String label) {
        this.label = label;
    }

    /** The name in reports and in case files. */
    public String label() {
        return label;
    }
}
