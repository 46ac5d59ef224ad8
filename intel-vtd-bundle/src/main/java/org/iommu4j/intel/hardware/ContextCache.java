package org.iommu4j.intel.hardware;

import org.iommu4j.backend.CacheConfig;
import org.iommu4j.intel.command.ContextCacheInvalidate;
import org.iommu4j.intel.table.Agaw;
import org.iommu4j.intel.table.ContextEntry;
import org.iommu4j.intel.table.TableWalker;
import org.iommu4j.simulation.cache.KeyedCache;
import org.iommu4j.simulation.cache.KeyedVisitor;

/**
 * The context cache, VT-d 6.2.1, tagged with source id and domain id. One entry is selected at a time and stands decoded in
 * the accessors, so that a device's next access need not decode it again. Entries that fault are kept in caching mode
 * only, under domain id 0.
 */
final class ContextCache {
    private static final int DEFAULT_ENTRIES = 4096;
    private static final int NOBODY = -1;

    private static final int LOW = 0;
    private static final int HIGH = 1;
    private static final int FAULT = 2;

    private final TableWalker walker;
    private final KeyedCache entries;
    private final long[] words = new long[3];

    /** Source id of the entry that is decoded below; {@link #NOBODY} if there is none. */
    private int selected = NOBODY;

    private int fault;
    private boolean faultsSuppressed;
    private int translationType;
    private int domain;
    private int levels;
    private long table;
    private long lastAddress;

    ContextCache(CacheConfig config, TableWalker walker) {
        this.walker = walker;
        entries = KeyedCache.of(config, DEFAULT_ENTRIES, words.length);
    }

    /** Selects the entry of a device; false if it is not cached. */
    boolean select(int sourceId) {
        return sourceId == selected || selectOther(sourceId);
    }

    /**
     * Selects an entry that was just read, and keeps it.
     *
     * @param faultCode what is wrong with it, 0 if nothing
     * @param keep false if the architecture does not let it be cached
     */
    void fill(int sourceId, long low, long high, int faultCode, boolean keep) {
        decode(low, high, faultCode);
        selected = NOBODY;
        if (keep && entries.capacity() > 0) {
            words[LOW] = low;
            words[HIGH] = high;
            words[FAULT] = faultCode;
            entries.insert(sourceId, domain, words);
            selected = sourceId;
        }
    }

    /** Drops everything; returns how many. */
    int invalidateAll() {
        selected = NOBODY;
        return entries.invalidateAll();
    }

    /** Drops the entries of a domain; returns how many. */
    int invalidateDomain(int domainId) {
        selected = NOBODY;
        return entries.invalidateMatching(0, 0, -1L, domainId);
    }

    /**
     * Drops the entries of a device, or of several functions of it, in a domain; returns how many.
     *
     * @param functionMask which bits of the function number are ignored, see {@link ContextCacheInvalidate#FM}
     */
    int invalidateDevice(int sourceId, int functionMask, int domainId) {
        selected = NOBODY;
        long compared = ~(long) ContextCacheInvalidate.ignoredSourceBits(functionMask);
        return entries.invalidateMatching(compared, sourceId, -1L, domainId);
    }

    void visit(KeyedVisitor visitor) {
        entries.visit(visitor);
    }

    /** Source id of an entry that is visited. */
    int sourceId(int entry) {
        return (int) entries.key(entry);
    }

    /** Table of an entry that is visited. */
    long table(int entry) {
        return ContextEntry.SSPTPTR.get(entries.word(entry, LOW));
    }

    /** True if an entry that is visited translates. */
    boolean isValid(int entry) {
        return entries.word(entry, FAULT) == 0;
    }

    /** Selected entry: the fault code, 0 if it is valid. */
    int fault() {
        return fault;
    }

    /** Selected entry: qualified faults are not recorded. */
    boolean faultsSuppressed() {
        return faultsSuppressed;
    }

    /** Selected entry: TT. */
    int translationType() {
        return translationType;
    }

    /** Selected entry: domain id; 0 if it faults. */
    int domain() {
        return domain;
    }

    /** Selected entry: levels of its table. */
    int levels() {
        return levels;
    }

    /** Selected entry: its table. */
    long table() {
        return table;
    }

    /** Selected entry: largest address that it translates. */
    long lastAddress() {
        return lastAddress;
    }

    private boolean selectOther(int sourceId) {
        int entry = entries.lookup(sourceId);
        if (entry == KeyedCache.MISS) {
            return false;
        }
        decode(entries.word(entry, LOW), entries.word(entry, HIGH), (int) entries.word(entry, FAULT));
        selected = sourceId;
        return true;
    }

    private void decode(long low, long high, int faultCode) {
        fault = faultCode;
        faultsSuppressed = ContextEntry.FPD.isSet(low);
        translationType = ContextEntry.TT.getInt(low);
        int aw = ContextEntry.AW.getInt(high);
        domain = faultCode == TableWalker.OK ? ContextEntry.DID.getInt(high) : 0;
        levels = Agaw.levels(aw);
        table = ContextEntry.SSPTPTR.get(low);
        lastAddress = walker.lastAddress(Math.min(aw, Agaw.MAX_AW));
    }
}
