package org.iommu4j.s390.hardware;

import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.InvalidationRules;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.s390.table.EntryFormats;
import org.iommu4j.simulation.cache.TranslationCache;

/**
 * Tells an observer what the architecture has each instruction remove, docs/spec/s390-zpci.md 4, and what a refresh
 * reads. A refresh that removes nothing and installs something is how a new mapping is announced: it is no
 * invalidation.
 */
final class CommandReports implements CommandWatch, InvalidationRules {
    private static final int NO_PASID = TranslationCache.NO_PASID;

    private final TranslationObserver observer;
    private final DmaAccess reading = new DmaAccess();
    private boolean invalidates;
    private boolean installed;
    private long droppedBefore;

    CommandReports(TranslationObserver observer) {
        this.observer = observer;
        observer.started(this);
    }

    @Override
    public boolean readsFromTheAnchor() {
        return true;
    }

    @Override
    public void begins(TranslationCaches caches, int function, long first, long last) {
        invalidates = caches.holds(function, first, last);
        installed = false;
        droppedBefore = caches.dropped();
    }

    @Override
    public void refreshed(int function, long first, long last) {
        if (invalidates) {
            observer.invalidates(CachedKind.TRANSLATION, function, NO_PASID, first, last);
        }
    }

    @Override
    public void reads(int handle, long address, long root) {
        observer.begins(reading.begin(handle, address, DmaAccess.READ), root);
    }

    @Override
    public WalkListener listener() {
        return observer.reading(null, EntryFormats::of);
    }

    @Override
    public void installed(int function, long first, long lengthBytes, long frame) {
        installed = true;
        observer.filled(CachedKind.TRANSLATION, function, NO_PASID, first, lengthBytes, frame, TranslationObserver.ALL);
    }

    @Override
    public void read() {
        observer.ends();
    }

    @Override
    public void ends(int function, long first, long last, long request, long dropped) {
        if (!invalidates && !installed) {
            observer.invalidates(CachedKind.TRANSLATION, function, NO_PASID, first, last);
            invalidates = true;
        }
        if (invalidates) {
            observer.invalidated("RPCIT", request, first, dropped - droppedBefore);
            observer.completed();
        }
    }

    @Override
    public void dropped(String name, int function, long request, long dropped) {
        if (dropped != 0) {
            observer.invalidates(CachedKind.TRANSLATION, function, NO_PASID, 0, -1L);
            observer.implied(name, request, 0, dropped);
            observer.completed();
        }
    }

    @Override
    public String covering(CachedKind kind, long tag, int pasid, long first, long lengthBytes) {
        return "RPCIT of function " + tag + ", start 0x" + Long.toHexString(first) + ", length 0x"
                + Long.toHexString(lengthBytes) + " (or MPCIFC 5 or 6)";
    }

    @Override
    public String tagName(CachedKind kind) {
        return "function";
    }

    @Override
    public String rule(CachedKind kind) {
        return "zPCI, docs/spec/s390-zpci.md 4: RPCIT drops what is known of its range, and nothing else; every function has its own";
    }
}
