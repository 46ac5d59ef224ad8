package org.iommu4j.spapr.hardware;

import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.simulation.cache.TranslationCache;
import org.iommu4j.spapr.table.RttEntry;
import org.iommu4j.spapr.table.Tce;

/** Tells an observer what a host bridge may keep, docs/spec/spapr-tce.md 4.1, and what it uses. */
final class ObservedAccess implements AccessWatch {
    private static final int NO_PASID = TranslationCache.NO_PASID;

    private final TranslationObserver observer;

    ObservedAccess(TranslationObserver observer) {
        this.observer = observer;
    }

    @Override
    public WalkListener reading(WalkListener listener) {
        return observer.reading(listener, what -> Tce.LAYOUT);
    }

    @Override
    public void requesterHit(int requester, int pe) {
        observer.hit(CachedKind.CONTEXT, pe, NO_PASID, requester, 1);
    }

    @Override
    public void requesterMissed(int requester) {
        observer.missed(CachedKind.CONTEXT, TranslationObserver.ANY, NO_PASID, requester);
    }

    @Override
    public void requesterRead(long address) {
        observer.read(RttEntry.LAYOUT, address);
    }

    @Override
    public void requesterFilled(int requester, int pe) {
        observer.filled(CachedKind.CONTEXT, pe, NO_PASID, requester, 1, 0, TranslationObserver.ALL);
    }

    @Override
    public void translationHit(int pe, long iova, int shift) {
        observer.hit(CachedKind.TRANSLATION, pe, NO_PASID, iova & -1L << shift, 1L << shift);
    }

    @Override
    public void translationMissed(int pe, long iova) {
        observer.missed(CachedKind.TRANSLATION, pe, NO_PASID, iova);
    }

    @Override
    public void translationFilled(int pe, long iova, int shift, long tce) {
        long page = -1L << shift;
        observer.filled(
                CachedKind.TRANSLATION, pe, NO_PASID, iova & page, 1L << shift, tce & page, TranslationObserver.ALL);
    }
}
