package org.iommu4j.arm.hardware;

import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.table.EntryFormats;
import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.simulation.cache.TranslationCache;

/** Tells an observer what the architecture lets a chip keep, IHI 0070 3.17, whatever this one has room for, and what it uses. */
final class ObservedAccess implements AccessWatch {
    private static final int NO_PASID = TranslationCache.NO_PASID;
    private static final int LAST_LEVEL = 3;

    private final TranslationObserver observer;

    ObservedAccess(TranslationObserver observer) {
        this.observer = observer;
    }

    @Override
    public boolean observes() {
        return true;
    }

    @Override
    public WalkListener reading(WalkListener listener) {
        return observer.reading(listener, EntryFormats::of);
    }

    @Override
    public void presented(int streamId, int substream, long address) {
        observer.presented(ConfigurationCaches.key(streamId), substream, address);
    }

    @Override
    public void streamMissed(int streamId) {
        observer.missed(CachedKind.CONTEXT, 0, NO_PASID, ConfigurationCaches.key(streamId));
    }

    @Override
    public void streamFilled(int streamId, long target) {
        observer.filled(
                CachedKind.CONTEXT, 0, NO_PASID, ConfigurationCaches.key(streamId), 1, target, TranslationObserver.ALL);
    }

    @Override
    public void streamHit(int streamId) {
        observer.hit(CachedKind.CONTEXT, 0, NO_PASID, ConfigurationCaches.key(streamId), 1);
    }

    @Override
    public void contextMissed(int streamId, int index) {
        observer.missed(CachedKind.PASID, ConfigurationCaches.key(streamId), index, 0);
    }

    @Override
    public void contextFilled(int streamId, int index, long target) {
        observer.filled(
                CachedKind.PASID, ConfigurationCaches.key(streamId), index, 0, 1, target, TranslationObserver.ALL);
    }

    @Override
    public void contextHit(int streamId, int index) {
        observer.hit(CachedKind.PASID, ConfigurationCaches.key(streamId), index, 0, 1);
    }

    private static CachedKind kind(boolean table) {
        return table ? CachedKind.PAGING_STRUCTURE : CachedKind.TRANSLATION;
    }

    @Override
    public void hit(
            boolean table, Regime regime, int vmid, Granule granule, int level, int asid, long first, int shift) {
        observer.hit(kind(table), regime.observedTag(vmid, granule, level), asid, first, 1L << shift);
    }

    @Override
    public void missed(boolean table, Regime regime, int vmid, Granule granule, int asid, long address) {
        for (int level = 0; level <= LAST_LEVEL; level++) {
            long tag = regime.observedTag(vmid, granule, level);
            observer.missed(kind(table), tag, asid, address);
            if (asid != Tlb.NO_ASID && !table) {
                observer.missed(kind(false), tag, Tlb.GLOBAL, address);
            }
        }
    }

    @Override
    public void filled(
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
        long first = address & -1L << shift;
        observer.filled(kind(table), regime.observedTag(vmid, granule, level), asid, first, 1L << shift, target, words);
    }

    @Override
    public void deviceFilled(int streamId, int substream, long address, int shift, long target) {
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
