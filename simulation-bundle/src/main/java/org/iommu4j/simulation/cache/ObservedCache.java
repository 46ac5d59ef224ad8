package org.iommu4j.simulation.cache;

import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.TranslationObserver;

/**
 * Tells an observer how accesses use one cache of a chip: which entry answers, what is missing, and what was read and may be
 * kept. Entries have no PASID, and cover a power of two of addresses; an entry of a device covers its requester id alone.
 */
public final class ObservedCache {
    private static final int NO_PASID = TranslationCache.NO_PASID;

    private final TranslationObserver observer;
    private final CachedKind kind;

    /** A cache of that kind. */
    public ObservedCache(TranslationObserver observer, CachedKind kind) {
        this.observer = observer;
        this.kind = kind;
    }

    /**
     * A cached entry answers.
     *
     * @param tag as the chip tags the entry
     * @param address any address of the entry
     * @param shift the entry covers 2^shift addresses
     */
    public void hit(int tag, long address, int shift) {
        observer.hit(kind, tag, NO_PASID, address & -1L << shift, 1L << shift);
    }

    /**
     * No entry is cached.
     *
     * @param tag as the chip would tag it, or {@link TranslationObserver#ANY} while it is not known
     */
    public void missed(int tag, long address) {
        observer.missed(kind, tag, NO_PASID, address);
    }

    /**
     * An entry was read, and may be kept. It comes from all words that were read since the last entry of another kind.
     *
     * @param tag as the chip tags the entry
     * @param address any address of the entry
     * @param shift the entry covers 2^shift addresses
     * @param target first address of the page or table to which it leads; 0 if it leads to none
     */
    public void filled(int tag, long address, int shift, long target) {
        observer.filled(kind, tag, NO_PASID, address & -1L << shift, 1L << shift, target, TranslationObserver.ALL);
    }
}
