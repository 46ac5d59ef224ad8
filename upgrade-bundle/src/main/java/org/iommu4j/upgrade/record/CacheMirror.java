package org.iommu4j.upgrade.record;

import java.util.HashSet;
import java.util.Set;
import org.iommu4j.core.service.Unit;

/** Entries of a unit's caches when they were last looked at. Guarded by its owner. */
final class CacheMirror {
    private Set<CacheEntry> present = Set.of();

    /**
     * Entries that came and went between two looks.
     *
     * @param came entries that are new
     * @param went entries that are gone
     */
    record Change(Set<CacheEntry> came, Set<CacheEntry> went) {}

    /**
     * Looks at the caches.
     *
     * @param waitNanos longest wait in nanoseconds for the unit
     * @throws org.iommu4j.backend.BackendException if no backend serves, or it fails
     */
    Change look(Unit unit, long waitNanos) {
        Set<CacheEntry> now = new HashSet<>();
        unit.visitCache(
                (cache, tag, pasid, iova, lengthBytes, pa) ->
                        now.add(new CacheEntry(cache, tag, pasid, iova, lengthBytes, pa)),
                waitNanos);
        Change change = new Change(without(now, present), without(present, now));
        present = now;
        return change;
    }

    /** The entries of the last look. */
    Set<CacheEntry> present() {
        return present;
    }

    private static Set<CacheEntry> without(Set<CacheEntry> all, Set<CacheEntry> others) {
        Set<CacheEntry> rest = new HashSet<>();
        for (CacheEntry entry : all) {
            if (!others.contains(entry)) {
                rest.add(entry);
            }
        }
        return rest;
    }
}
