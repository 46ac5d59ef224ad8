package org.iommu4j.intel.hardware;

import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.intel.table.Agaw;
import org.iommu4j.intel.table.EntryFormats;
import org.iommu4j.intel.table.TableWalker;
import org.iommu4j.simulation.cache.TranslationCache;

/** Tells an observer what the architecture lets a unit keep, VT-d 6.2, whatever this one has room for, and what it uses. */
final class AccessWatch {
    private static final int NO_PASID = TranslationCache.NO_PASID;

    private final TranslationObserver observer;

    AccessWatch(TranslationObserver observer) {
        this.observer = observer;
    }

    /** The listener of a table walk: the access's own, or one that also tells an observer the layouts of the entries. */
    WalkListener reading(WalkListener listener) {
        return observer.reading(listener, EntryFormats::of);
    }

    /** A device presents an address that it has translated itself. */
    void presented(int sourceId, int pasid, long iova) {
        observer.presented(sourceId, pasid, iova);
    }

    /** No context entry is cached for a device. */
    void contextMissed(int sourceId) {
        observer.missed(CachedKind.CONTEXT, TranslationObserver.ANY, NO_PASID, sourceId);
    }

    /** The selected context entry was read for a device, and may be kept. */
    void contextFilled(ContextCache context, int sourceId) {
        observer.filled(
                CachedKind.CONTEXT, context.domain(), NO_PASID, sourceId, 1, context.table(), TranslationObserver.ALL);
    }

    /** The selected context entry came from the cache. */
    void contextHit(ContextCache context, int sourceId) {
        observer.hit(CachedKind.CONTEXT, context.domain(), NO_PASID, sourceId, 1);
    }

    /** An entry of the IOTLB, of a page of 2^shift bytes, answers. */
    void translationHit(int domain, long iova, int shift) {
        observer.hit(CachedKind.TRANSLATION, domain, NO_PASID, iova & -1L << shift, 1L << shift);
    }

    /**
     * The IOTLB has no entry.
     *
     * @param cached the entry of the paging-structure caches where the walk begins, or {@link TranslationCache#MISS}
     */
    void translationMissed(int domain, long iova, TranslationCache tables, int cached) {
        observer.missed(CachedKind.TRANSLATION, domain, NO_PASID, iova);
        if (cached == TranslationCache.MISS) {
            observer.missed(CachedKind.PAGING_STRUCTURE, domain, NO_PASID, iova);
        } else {
            observer.hit(
                    CachedKind.PAGING_STRUCTURE, domain, NO_PASID, tables.iova(cached), 1L << tables.pageShift(cached));
        }
    }

    /**
     * A walk is over.
     *
     * @param kept true if a unit may keep what it found at its last level: a page, or in caching mode a fault
     * @param target address of the page; 0 for a fault
     */
    void walked(int domain, long iova, TableWalker walker, boolean kept, long target) {
        for (int level = walker.topLevel(); level > walker.level(); level--) {
            filled(CachedKind.PAGING_STRUCTURE, domain, iova, walker, level, walker.nextTable(level));
        }
        if (kept) {
            filled(CachedKind.TRANSLATION, domain, iova, walker, walker.level(), target);
        }
    }

    /** A device was given a translation of a page of 2^shift bytes. */
    void deviceFilled(int sourceId, int pasid, long iova, int shift, long target) {
        observer.missed(CachedKind.DEVICE, sourceId, pasid, iova);
        observer.filled(
                CachedKind.DEVICE, sourceId, pasid, iova & -1L << shift, 1L << shift, target, TranslationObserver.ALL);
    }

    private void filled(CachedKind kind, int domain, long iova, TableWalker walker, int level, long target) {
        int shift = Agaw.shift(level);
        observer.filled(
                kind, domain, NO_PASID, iova & -1L << shift, 1L << shift, target, walker.topLevel() - level + 1);
    }

    // ---- scalable mode

    /** An entry was used, as {@link TranslationObserver#hit}. */
    void hit(CachedKind kind, long tag, int pasid, long first, long lengthBytes) {
        observer.hit(kind, tag, pasid, first, lengthBytes);
    }

    /** No entry was found, as {@link TranslationObserver#missed}. */
    void missed(CachedKind kind, long tag, int pasid, long address) {
        observer.missed(kind, tag, pasid, address);
    }

    /** An entry that was read may be kept, as {@link TranslationObserver#filled}. */
    void filled(CachedKind kind, long tag, int pasid, long first, long lengthBytes, long target, int words) {
        observer.filled(kind, tag, pasid, first, lengthBytes, target, words);
    }
}
