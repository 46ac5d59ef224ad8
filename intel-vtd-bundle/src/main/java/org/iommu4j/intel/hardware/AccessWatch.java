package org.iommu4j.intel.hardware;

import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.intel.table.TableWalker;
import org.iommu4j.simulation.cache.TranslationCache;

/** What the caches of a unit go through during an access, for somebody who observes. */
interface AccessWatch {
    /** Nobody observes. */
    AccessWatch NOBODY = new AccessWatch() {};

    /** Who is told of the entries that a walk reads: the access's own listener, or one that also tells their layouts. */
    default WalkListener reading(WalkListener listener) {
        return listener;
    }

    /** A device presents an address that it has translated itself. */
    default void presented(int sourceId, int pasid, long iova) {}

    /** No context entry is cached for a device. */
    default void contextMissed(int sourceId) {}

    /** The selected context entry was read for a device, and may be kept. */
    default void contextFilled(ContextCache context, int sourceId) {}

    /** The selected context entry came from the cache. */
    default void contextHit(ContextCache context, int sourceId) {}

    /** An entry of the IOTLB answers. */
    default void translationHit(int domain, TranslationCache iotlb, int entry) {}

    /**
     * The IOTLB has no entry.
     *
     * @param cached the entry of the paging-structure caches where the walk begins, or {@link TranslationCache#MISS}
     */
    default void translationMissed(int domain, long iova, TranslationCache tables, int cached) {}

    /**
     * A walk is over.
     *
     * @param kept true if a unit may keep what it found at its last level: a page, or in caching mode a fault
     * @param target where the page is; 0 for a fault
     */
    default void walked(int domain, long iova, TableWalker walker, boolean kept, long target) {}

    /** A device was given a translation of a page of 2^shift bytes. */
    default void deviceFilled(int sourceId, int pasid, long iova, int shift, long target) {}

    /** Scalable mode: an entry was used, as {@link TranslationObserver#hit}. */
    default void hit(CachedKind kind, long tag, int pasid, long first, long lengthBytes) {}

    /** Scalable mode: no entry was found, as {@link TranslationObserver#missed}. */
    default void missed(CachedKind kind, long tag, int pasid, long address) {}

    /** Scalable mode: what was read may be kept, as {@link TranslationObserver#filled}. */
    default void filled(CachedKind kind, long tag, int pasid, long first, long lengthBytes, long target, int words) {}
}
