package org.iommu4j.backend;

import java.util.function.Function;
import org.iommu4j.layout.Layout;

/** The observer of a machine that nobody observes: takes everything and does nothing, without an object for any of it. */
final class NoObserver implements TranslationObserver {
    static final NoObserver INSTANCE = new NoObserver();

    private NoObserver() {}

    @Override
    public void started(InvalidationRules rules) {}

    @Override
    public void begins(DmaAccess access, long root) {}

    @Override
    public void hit(CachedKind kind, long tag, int pasid, long first, long lengthBytes) {}

    @Override
    public void missed(CachedKind kind, long tag, int pasid, long address) {}

    @Override
    public void filled(CachedKind kind, long tag, int pasid, long first, long lengthBytes, long target, int words) {}

    @Override
    public WalkListener reading(WalkListener next, Function<String, Layout> formats) {
        return next;
    }

    @Override
    public void ends() {}

    @Override
    public void invalidates(CachedKind kind, long tag, int pasid, long first, long last) {}

    @Override
    public void invalidated(String name, long word0, long word1, long dropped) {}

    @Override
    public void droppedAll(String cause, long value, long dropped) {}

    @Override
    public void completed() {}
}
