package org.iommu4j.spapr.hardware;

import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.CacheVisitor;
import org.iommu4j.simulation.cache.TranslationCache;

/**
 * The TCE cache, docs/spec/spapr-tce.md 4.1: leaves by PE and address, each for a page of its window; the value is the
 * entry. Entries that allow nothing are not kept, upper levels neither. What removes what, docs/spec/spapr-tce.md 4.2:
 *
 * <table>
 * <caption>Removal</caption>
 * <tr><th>operation</th><th>page</th><th>other pages of the window</th><th>other window of the PE</th><th>other PEs</th></tr>
 * <tr><td>H_PUT_TCE, each entry of H_PUT_TCE_INDIRECT and H_STUFF_TCE</td><td>removed</td><td>kept</td><td>kept</td><td>kept</td></tr>
 * <tr><td>H_GET_TCE</td><td>kept</td><td>kept</td><td>kept</td><td>kept</td></tr>
 * <tr><td>kill of a page</td><td>removed</td><td>kept; with PSEL removed inside its size</td><td>kept</td><td>kept</td></tr>
 * <tr><td>kill of a PE</td><td>removed</td><td>removed</td><td>removed</td><td>kept</td></tr>
 * <tr><td>kill of all</td><td>removed</td><td>removed</td><td>removed</td><td>removed</td></tr>
 * <tr><td>store to the table in memory, or to the TVE</td><td>kept</td><td>kept</td><td>kept</td><td>kept</td></tr>
 * <tr><td>a window comes, moves or goes</td><td>removed</td><td>removed</td><td>removed</td><td>kept</td></tr>
 * <tr><td>stop, release, reset of the PE</td><td>kept</td><td>kept</td><td>kept</td><td>kept</td></tr>
 * </table>
 */
class TceCache {
    /** No entry. */
    static final int MISS = TranslationCache.MISS;

    private static final int DEFAULT_ENTRIES = 1 << 16;
    private static final int NO_PASID = TranslationCache.NO_PASID;

    private final TranslationCache entries;
    private long dropped;

    TceCache(CacheConfig config) {
        entries = TranslationCache.of(config, DEFAULT_ENTRIES);
    }

    /** Entries dropped since the platform was made. */
    long dropped() {
        return dropped;
    }

    /** The entry for an address, or {@link #MISS}. */
    int lookup(int pe, long iova) {
        return entries.size() == 0 ? MISS : entries.lookup(pe, NO_PASID, iova);
    }

    /** The TCE of an entry. */
    long tce(int entry) {
        return entries.value(entry);
    }

    /** log2 of an entry's page size. */
    int pageShift(int entry) {
        return entries.pageShift(entry);
    }

    /** Keeps a leaf. */
    void fill(int pe, long iova, int pageShift, long tce) {
        if (entries.capacity() != 0) {
            entries.insert(pe, NO_PASID, iova, pageShift, tce, 0);
        }
    }

    /** Drops every page that shares a byte with a range. */
    void invalidateRange(int pe, long first, long last) {
        dropped += entries.invalidateRange(pe, NO_PASID, first, last);
    }

    /** Drops the page that holds an address. */
    void invalidatePage(int pe, long iova) {
        if (entries.size() == 0) {
            return;
        }
        dropped += entries.invalidatePage(pe, NO_PASID, iova);
    }

    /** Drops everything. */
    void invalidateAll() {
        dropped += entries.invalidateAll();
    }

    /** Drops all of a PE. */
    void invalidateEndpoint(int pe) {
        dropped += entries.invalidateDomain(pe);
    }

    void visit(CacheVisitor visitor) {
        entries.visit((pe, pasid, iova, pageShift, tce, attributes) ->
                visitor.entry("tce", pe, NO_PASID, iova, 1L << pageShift, tce & -1L << pageShift));
    }
}
