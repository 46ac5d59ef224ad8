package org.iommu4j.arm.hardware;

import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.table.EntryFormats;
import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.simulation.cache.TranslationCache;

/** Tells an observer what the architecture lets a chip keep, IHI 0070 3.17, whatever this one has room for, and what it uses. */
final class AccessWatch {
    private static final int NO_PASID = TranslationCache.NO_PASID;
    private static final int LAST_LEVEL = 3;

    private final TranslationObserver observer;
    private final boolean observes;

    /** Of a chip that somebody observes, or nobody, {@link TranslationObserver#nobody}. */
    AccessWatch(TranslationObserver observer) {
        this.observer = observer;
        observes = observer != TranslationObserver.nobody();
    }

    /** True if somebody observes: then every translation has to come from words that this access has read. */
    boolean observes() {
        return observes;
    }

    /** Listener to the structures that are read: the access's own, or one that also tells their layouts. */
    WalkListener reading(WalkListener listener) {
        return observer.reading(listener, EntryFormats::of);
    }

    /** A device presents an address that it has translated itself. */
    void presented(int streamId, int substream, long address) {
        observer.presented(ConfigurationCaches.key(streamId), substream, address);
    }

    /** No stream table entry is cached for a stream. */
    void streamMissed(int streamId) {
        observer.missed(CachedKind.CONTEXT, 0, NO_PASID, ConfigurationCaches.key(streamId));
    }

    /** The entry was read, and may be kept. */
    void streamFilled(int streamId, long target) {
        observer.filled(
                CachedKind.CONTEXT, 0, NO_PASID, ConfigurationCaches.key(streamId), 1, target, TranslationObserver.ALL);
    }

    /** The entry came from the cache. */
    void streamHit(int streamId) {
        observer.hit(CachedKind.CONTEXT, 0, NO_PASID, ConfigurationCaches.key(streamId), 1);
    }

    /** No context descriptor is cached. */
    void contextMissed(int streamId, int index) {
        observer.missed(CachedKind.PASID, ConfigurationCaches.key(streamId), index, 0);
    }

    /** The descriptor was read, and may be kept. */
    void contextFilled(int streamId, int index, long target) {
        observer.filled(
                CachedKind.PASID, ConfigurationCaches.key(streamId), index, 0, 1, target, TranslationObserver.ALL);
    }

    /** The descriptor came from the cache. */
    void contextHit(int streamId, int index) {
        observer.hit(CachedKind.PASID, ConfigurationCaches.key(streamId), index, 0, 1);
    }

    private static CachedKind kind(boolean table) {
        return table ? CachedKind.PAGING_STRUCTURE : CachedKind.TRANSLATION;
    }

    /** A translation, or a table if {@code table}, came from a TLB: an entry of {@code cache}. */
    void hit(boolean table, Regime regime, int vmid, Granule granule, int level, TranslationCache cache, int entry) {
        if (observes) {
            long tag = regime.observedTag(vmid, granule, level);
            observer.hit(kind(table), tag, cache.pasid(entry), cache.iova(entry), 1L << cache.pageShift(entry));
        }
    }

    /** No translation, or no table if {@code table}, is in a TLB. */
    void missed(boolean table, Regime regime, int vmid, Granule granule, int asid, long address) {
        for (int level = 0; level <= LAST_LEVEL && observes; level++) {
            long tag = regime.observedTag(vmid, granule, level);
            observer.missed(kind(table), tag, asid, address);
            if (asid != Tlb.NO_ASID && !table) {
                observer.missed(kind(false), tag, Tlb.GLOBAL, address);
            }
        }
    }

    /**
     * A translation, or a table if {@code table}, was read, and may be kept.
     *
     * @param words how many words since the walk began it comes from
     */
    void filled(
            boolean table,
            Regime regime,
            int vmid,
            Granule granule,
            int level,
            int asid,
            long address,
            int shift,
            long target,
            int words) {
        if (!observes) {
            return;
        }
        long first = address & -1L << shift;
        observer.filled(kind(table), regime.observedTag(vmid, granule, level), asid, first, 1L << shift, target, words);
    }

    /** A device was given a translation of a page of 2^shift bytes. */
    void deviceFilled(int streamId, int substream, long address, int shift, long target) {
        long tag = ConfigurationCaches.key(streamId);
        observer.missed(CachedKind.DEVICE, tag, substream, address);
        observer.filled(
                CachedKind.DEVICE,
                tag,
                substream,
                address & -1L << shift,
                1L << shift,
                target,
                TranslationObserver.ALL);
    }
}
