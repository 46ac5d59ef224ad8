package org.iommu4j.s390.hardware;

import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.CacheVisitor;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.s390.command.ZpciCapabilities;
import org.iommu4j.simulation.cache.TranslationCache;

/**
 * The translations that the unit keeps, docs/spec/s390-zpci.md 4, tagged by function and page. With the refresh bit it
 * is the host's shadow table: it holds what RPCIT installed, all of it and nothing else, as long as the budget for
 * mappings lasts. Without it is a cache of the size that the configuration gives it. Either way:
 *
 * <table>
 * <caption>Removal</caption>
 * <tr><th>operation</th><th>pages in the range</th><th>others of the function</th><th>other functions</th></tr>
 * <tr><td>RPCIT</td><td>dropped, then read again</td><td>kept</td><td>kept</td></tr>
 * <tr><td>MPCIFC 5 and 6, CLP disable</td><td>dropped</td><td>dropped</td><td>kept</td></tr>
 * <tr><td>MPCIFC 7 and 9, a fault</td><td>kept</td><td>kept</td><td>kept</td></tr>
 * </table>
 */
class TranslationCaches {
    /** Attributes of a translation that writes are allowed through. */
    static final int READ_WRITE = DmaAccess.READ | DmaAccess.WRITE;

    private static final int DEFAULT_CACHE = 1 << 16;
    private static final int NO_PASID = TranslationCache.NO_PASID;
    private static final int PAGE_SHIFT = 12;

    final TranslationCache translations;
    private final boolean shadow;
    private int available;
    private long dropped;

    TranslationCaches(CacheConfig config, ZpciCapabilities unit) {
        shadow = unit.refresh();
        available = unit.dmaAvail();
        // Every entry of a shadow table takes one unit of the budget, so that none is ever evicted.
        translations = shadow ? new TranslationCache(available) : TranslationCache.of(config, DEFAULT_CACHE);
    }

    /** Entries dropped since the unit was made. */
    long dropped() {
        return dropped;
    }

    /** The entry for an address, or {@link TranslationCache#MISS}. */
    int lookup(int function, long address) {
        return translations.size() == 0 ? TranslationCache.MISS : translations.lookup(function, NO_PASID, address);
    }

    /**
     * Replaces a translation of the same page; nothing else can overlap it.
     *
     * @return false if there is none
     */
    boolean replace(int function, long address, int shift, long frame, int rights) {
        int entry = lookup(function, address);
        if (entry == TranslationCache.MISS || translations.pageShift(entry) != shift) {
            return false;
        }
        if (translations.value(entry) != frame || translations.attributes(entry) != rights) {
            translations.insert(function, NO_PASID, address, shift, frame, rights);
            dropped++;
        }
        return true;
    }

    /** True if one more can be installed. */
    boolean hasRoom() {
        return !shadow || available > 0;
    }

    /** Adds a translation. The caller has asked {@link #hasRoom} and dropped translations of the same addresses. */
    void install(int function, long address, int shift, long frame, int rights) {
        translations.insert(function, NO_PASID, address, shift, frame, rights);
        available -= shadow ? 1 : 0;
    }

    /**
     * Drops a page.
     *
     * @return how many entries
     */
    int dropPage(int function, long address) {
        return count(translations.invalidatePage(function, NO_PASID, address));
    }

    /**
     * Drops every translation that shares a byte with a range.
     *
     * @return how many entries
     */
    int dropRange(int function, long first, long last) {
        return first >>> PAGE_SHIFT == last >>> PAGE_SHIFT
                ? dropPage(function, first)
                : count(translations.invalidateRange(function, NO_PASID, first, last));
    }

    /**
     * Drops everything of a function.
     *
     * @return how many entries
     */
    int dropFunction(int function) {
        return count(translations.invalidateDomain(function));
    }

    private int count(int entries) {
        available += shadow ? entries : 0;
        dropped += entries;
        return entries;
    }

    /** True if a translation shares a byte with a range; for observers, since it looks at all of them. */
    boolean holds(int function, long first, long last) {
        boolean[] found = {false};
        translations.visit((owner, pasid, address, shift, value, attributes) -> found[0] |= owner == function
                && Long.compareUnsigned(address, last) <= 0
                && Long.compareUnsigned(address | (1L << shift) - 1, first) >= 0);
        return found[0];
    }

    void visit(CacheVisitor visitor) {
        translations.visit((function, pasid, address, shift, frame, attributes) ->
                visitor.entry(shadow ? "shadow" : "iotlb", function, NO_PASID, address, 1L << shift, frame));
    }
}
