package org.iommu4j.simulation.cache;

/** Sees the entries that leave a {@link TranslationCache}, one by one, as they leave. It must not change the cache. */
@FunctionalInterface
public interface RemovalListener {
    /** Why an entry leaves. */
    enum Cause {
        /** Software asked for it. */
        INVALIDATED,
        /** Another entry needed the slot. */
        EVICTED,
        /** The same page was inserted again. */
        REPLACED
    }

    /**
     * An entry leaves.
     *
     * @param cause why
     * @param domain what it is tagged with
     * @param pasid what it is tagged with, or {@link TranslationCache#NO_PASID}
     * @param iova first address of the page
     * @param pageShift log2 of the page's size in bytes
     * @param value what was inserted
     * @param attributes what was inserted
     */
    void removed(Cause cause, int domain, int pasid, long iova, int pageShift, long value, int attributes);
}
