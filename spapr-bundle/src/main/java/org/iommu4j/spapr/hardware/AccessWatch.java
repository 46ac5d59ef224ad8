package org.iommu4j.spapr.hardware;

import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.simulation.cache.TranslationCache;
import org.iommu4j.spapr.table.RttEntry;
import org.iommu4j.spapr.table.Tce;

/** Tells an observer what a host bridge may keep, docs/spec/spapr-tce.md 4.1, and what it uses. */
final class AccessWatch {
    private static final int NO_PASID = TranslationCache.NO_PASID;

    private final TranslationObserver observer;

    AccessWatch(TranslationObserver observer) {
        this.observer = observer;
    }

    /** The listener of a table walk: the access's own, or one that also tells an observer the layouts of the entries. */
    WalkListener reading(WalkListener listener) {
        return observer.reading(listener, what -> Tce.LAYOUT);
    }

    /** The endpoint of a requester came from the cache. */
    void requesterHit(int requester, int pe) {
        observer.hit(CachedKind.CONTEXT, pe, NO_PASID, requester, 1);
    }

    /** No endpoint is cached for a requester. */
    void requesterMissed(int requester) {
        observer.missed(CachedKind.CONTEXT, TranslationObserver.ANY, NO_PASID, requester);
    }

    /** A requester's entry of the table in memory was read from that address. */
    void requesterRead(long address) {
        observer.read(RttEntry.LAYOUT, address);
    }

    /** The endpoint of a requester was read, and may be kept. */
    void requesterFilled(int requester, int pe) {
        observer.filled(CachedKind.CONTEXT, pe, NO_PASID, requester, 1, 0, TranslationObserver.ALL);
    }

    /** A cached entry of a page of 2^shift bytes answers. */
    void translationHit(int pe, long iova, int shift) {
        observer.hit(CachedKind.TRANSLATION, pe, NO_PASID, iova & -1L << shift, 1L << shift);
    }

    /** No entry is cached. */
    void translationMissed(int pe, long iova) {
        observer.missed(CachedKind.TRANSLATION, pe, NO_PASID, iova);
    }

    /** The entry of a page of 2^shift bytes was read, and may be kept. */
    void translationFilled(int pe, long iova, int shift, long tce) {
        long page = -1L << shift;
        observer.filled(
                CachedKind.TRANSLATION, pe, NO_PASID, iova & page, 1L << shift, tce & page, TranslationObserver.ALL);
    }
}
