package org.iommu4j.simulation.cache;

/** Sees the entries of a {@link KeyedCache}. */
@FunctionalInterface
public interface KeyedVisitor {
    /**
     * One entry.
     *
     * @param entry its handle, for the cache's accessors
     */
    void entry(int entry);
}
