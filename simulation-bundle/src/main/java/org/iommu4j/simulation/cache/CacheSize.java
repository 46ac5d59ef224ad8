package org.iommu4j.simulation.cache;

import org.iommu4j.backend.CacheConfig;

/** The number of entries of a cache. */
public final class CacheSize {
    /**
     * Entries of {@link CacheConfig#WORST_CASE}. Caches grow to it as they fill; beyond, they evict, so that no guest can
     * exhaust the heap. A run that needs more to expose a missing invalidation must be made smaller.
     */
    public static final int WORST_CASE_ENTRIES = 1 << 20;

    private CacheSize() {}

    /**
     * Entries for a configuration.
     *
     * @param defaultEntries what a real part has
     */
    public static int entries(CacheConfig config, int defaultEntries) {
        return switch (config) {
            case NONE -> 0;
            case TINY -> 2;
            case DEFAULT -> defaultEntries;
            case WORST_CASE -> WORST_CASE_ENTRIES;
        };
    }
}
