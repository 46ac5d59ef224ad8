package org.iommu4j.s390.hardware;

import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.InvalidationRules;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.simulation.cache.TranslationCache;

/**
 * Tells an observer what the architecture has each instruction remove, docs/spec/s390-zpci.md 4, and what a refresh
 * reads. A refresh that removes nothing and installs something is how a new mapping is announced: it is no
 * invalidation.
 */
final class RefreshReports implements InvalidationRules {
    private static final int NO_PASID = TranslationCache.NO_PASID;

    private final TranslationObserver observer;
    private final DmaAccess reading = new DmaAccess();
    private boolean invalidates;
    private boolean installed;
    private long droppedBefore;

    RefreshReports(TranslationObserver observer) {
        this.observer = observer;
        observer.started(this);
    }

    TranslationObserver observer() {
        return observer;
    }

    /**
     * A refresh begins.
     *
     * @param held true if something in its range is known
     * @param dropped entries dropped so far
     */
    void begins(boolean held, long dropped) {
        invalidates = held;
        installed = false;
        droppedBefore = dropped;
    }

    /** The refresh has come to a part of its range, and dropped it. */
    void refreshed(int function, long first, long last) {
        if (invalidates) {
            observer.invalidates(CachedKind.TRANSLATION, function, NO_PASID, first, last);
        }
    }

    /** The unit begins to read tables for a part of a refresh. */
    void reads(int handle, long address, long root) {
        observer.begins(reading.begin(handle, address, DmaAccess.READ), root);
    }

    /** The unit has read a translation. */
    void installed(int function, long first, long lengthBytes, long frame) {
        installed = true;
        observer.filled(CachedKind.TRANSLATION, function, NO_PASID, first, lengthBytes, frame, TranslationObserver.ALL);
    }

    /** The unit has read what there was. */
    void read() {
        observer.ends();
    }

    /** The refresh is over; complete at once. */
    void ends(int function, long first, long last, long request, long dropped) {
        if (!invalidates && !installed) {
            observer.invalidates(CachedKind.TRANSLATION, function, NO_PASID, first, last);
            invalidates = true;
        }
        if (invalidates) {
            observer.invalidated("RPCIT", request, first, dropped - droppedBefore);
            observer.completed();
        }
    }

    /** Everything of a function was dropped, if there was anything. */
    void dropped(String name, int function, long request, long dropped) {
        if (dropped != 0) {
            observer.invalidates(CachedKind.TRANSLATION, function, NO_PASID, 0, -1L);
            observer.invalidated(name, request, 0, dropped);
            observer.completed();
        }
    }

    @Override
    public String covering(CachedKind kind, long tag, int pasid, long first, long lengthBytes) {
        return "RPCIT of function " + tag + ", start 0x" + Long.toHexString(first) + ", length 0x"
                + Long.toHexString(lengthBytes) + " (or MPCIFC 5 or 6)";
    }

    @Override
    public String rule(CachedKind kind) {
        return "zPCI, docs/spec/s390-zpci.md 4: RPCIT drops what is known of its range, and nothing else; every function has its own";
    }
}
