package org.iommu4j.backend;

/** How much a simulated chip keeps in its translation caches. */
public enum CacheConfig {
    /** Nothing: every access walks the tables. */
    NONE,
    /** Two entries a cache, so that evictions happen. */
    TINY,
    /** Capacities of a real chip. */
    DEFAULT,
    /** Everything that the architecture allows to be kept, without bound: exposes missing invalidations. */
    WORST_CASE
}
