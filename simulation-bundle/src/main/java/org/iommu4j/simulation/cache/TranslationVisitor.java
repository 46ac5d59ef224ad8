package org.iommu4j.simulation.cache;

/** Sees the entries of a {@link TranslationCache}. */
@FunctionalInterface
public interface TranslationVisitor {
    /**
     * One entry.
     *
     * @param domain what it is tagged with
     * @param pasid what it is tagged with, or {@link TranslationCache#NO_PASID}
     * @param iova first address of the page
     * @param pageShift log2 of the page's size in bytes
     * @param value what was inserted
     * @param attributes what was inserted
     */
    void entry(int domain, int pasid, long iova, int pageShift, long value, int attributes);
}
