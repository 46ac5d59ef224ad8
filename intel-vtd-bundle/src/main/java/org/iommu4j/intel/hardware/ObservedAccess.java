package org.iommu4j.intel.hardware;

import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.intel.table.Agaw;
import org.iommu4j.intel.table.EntryFormats;
import org.iommu4j.intel.table.TableWalker;
import org.iommu4j.simulation.cache.TranslationCache;

/** Tells an observer what the architecture lets a unit keep, VT-d 6.2, whatever this one has room for, and what it uses. */
final class ObservedAccess implements AccessWatch {
    private static final int NO_PASID = TranslationCache.NO_PASID;

    private final TranslationObserver observer;

    ObservedAccess(TranslationObserver observer) {
        this.observer = observer;
    }

    @Override
    public WalkListener reading(WalkListener listener) {
        return observer.reading(listener, EntryFormats::of);
    }

    @Override
    public void presented(int sourceId, int pasid, long iova) {
        observer.presented(sourceId, pasid, iova);
    }

    @Override
    public void contextMissed(int sourceId) {
        observer.missed(CachedKind.CONTEXT, TranslationObserver.ANY, NO_PASID, sourceId);
    }

    @Override
    public void contextFilled(ContextCache context, int sourceId) {
        observer.filled(
                CachedKind.CONTEXT, context.domain(), NO_PASID, sourceId, 1, context.table(), TranslationObserver.ALL);
    }

    @Override
    public void contextHit(ContextCache context, int sourceId) {
        observer.hit(CachedKind.CONTEXT, context.domain(), NO_PASID, sourceId, 1);
    }

    @Override
    public void translationHit(int domain, TranslationCache iotlb, int entry) {
        observer.hit(CachedKind.TRANSLATION, domain, NO_PASID, iotlb.iova(entry), 1L << iotlb.pageShift(entry));
    }

    @Override
    public void translationMissed(int domain, long iova, TranslationCache tables, int cached) {
        observer.missed(CachedKind.TRANSLATION, domain, NO_PASID, iova);
        if (cached == TranslationCache.MISS) {
            observer.missed(CachedKind.PAGING_STRUCTURE, domain, NO_PASID, iova);
        } else {
            observer.hit(
                    CachedKind.PAGING_STRUCTURE, domain, NO_PASID, tables.iova(cached), 1L << tables.pageShift(cached));
        }
    }

    @Override
    public void walked(int domain, long iova, TableWalker walker, boolean kept, long target) {
        for (int level = walker.topLevel(); level > walker.level(); level--) {
            filled(CachedKind.PAGING_STRUCTURE, domain, iova, walker, level, walker.nextTable(level));
        }
        if (kept) {
            filled(CachedKind.TRANSLATION, domain, iova, walker, walker.level(), target);
        }
    }

    @Override
    public void deviceFilled(int sourceId, int pasid, long iova, int shift, long target) {
        observer.missed(CachedKind.DEVICE, sourceId, pasid, iova);
        observer.filled(
                CachedKind.DEVICE, sourceId, pasid, iova & -1L << shift, 1L << shift, target, TranslationObserver.ALL);
    }

    @Override
    public void hit(CachedKind kind, long tag, int pasid, long first, long lengthBytes) {
        observer.hit(kind, tag, pasid, first, lengthBytes);
    }

    @Override
    public void missed(CachedKind kind, long tag, int pasid, long address) {
        observer.missed(kind, tag, pasid, address);
    }

    @Override
    public void filled(CachedKind kind, long tag, int pasid, long first, long lengthBytes, long target, int words) {
        observer.filled(kind, tag, pasid, first, lengthBytes, target, words);
    }

    private void filled(CachedKind kind, int domain, long iova, TableWalker walker, int level, long target) {
        int shift = Agaw.shift(level);
        observer.filled(
                kind, domain, NO_PASID, iova & -1L << shift, 1L << shift, target, walker.topLevel() - level + 1);
    }
}
