package org.iommu4j.s390.hardware;

import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.s390.table.EntryFormats;
import org.iommu4j.simulation.cache.TranslationCache;

/** Tells an observer what a unit may keep, docs/spec/s390-zpci.md 4, and what it uses. */
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

    /** A cached translation of 2^shift bytes from {@code first} on answers. */
    void hit(int function, long first, int shift) {
        observer.hit(CachedKind.TRANSLATION, function, NO_PASID, first, 1L << shift);
    }

    /** No translation is cached. */
    void missed(int function, long address) {
        observer.missed(CachedKind.TRANSLATION, function, NO_PASID, address);
    }

    /** The tables were read, and what they say may be kept. */
    void filled(int function, long first, int shift, long frame) {
        observer.filled(CachedKind.TRANSLATION, function, NO_PASID, first, 1L << shift, frame, TranslationObserver.ALL);
    }
}
