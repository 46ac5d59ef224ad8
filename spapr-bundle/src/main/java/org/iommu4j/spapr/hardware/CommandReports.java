package org.iommu4j.spapr.hardware;

import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.InvalidationRules;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.simulation.cache.TranslationCache;
import org.iommu4j.spapr.command.SpaprCall;
import org.iommu4j.spapr.hypervisor.DmaWindow;

/**
 * Tells an observer what the architecture has each operation remove, sheet 4.2: from the operation's own arguments, apart
 * from what the cache does with them. A hypercall is complete when it returns.
 */
final class CommandReports implements InvalidationRules {
    private static final int NO_PASID = TranslationCache.NO_PASID;
    private static final long LAST = -1L;

    private final TranslationObserver observer;

    CommandReports(TranslationObserver observer) {
        this.observer = observer;
        observer.started(this);
    }

    /** A hypercall that stored entries. */
    void stored(int function, DmaWindow window, long iova, long entries, long dropped) {
        long last = iova + (entries << window.table().pageShift()) - 1;
        observer.invalidates(CachedKind.TRANSLATION, window.pe(), NO_PASID, iova, last);
        observer.invalidated(
                SpaprCall.of(function).name(), Integer.toUnsignedLong(window.liobn()), iova, dropped);
        observer.completed();
    }

    /** Windows of an endpoint that came, moved or went. */
    void windowsChanged(String cause, int pe, long dropped) {
        observer.invalidates(CachedKind.TRANSLATION, pe, NO_PASID, 0, LAST);
        observer.invalidated(cause, pe, 0, dropped);
        observer.completed();
    }

    @Override
    public String covering(CachedKind kind, long tag, int pasid, long first, long lengthBytes) {
        return "H_PUT_TCE of IOBA=0x" + Long.toHexString(first) + " in PE 0x" + Long.toHexString(tag);
    }

    @Override
    public String rule(CachedKind kind) {
        return "PAPR, TCE hypercalls: when a TCE changes, the platform drops what it has cached of it";
    }
}
