package org.iommu4j.intel.hardware;

import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.CacheVisitor;
import org.iommu4j.intel.command.ContextCacheInvalidate;
import org.iommu4j.intel.command.PasidCacheInvalidate;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.table.AddressSpace;
import org.iommu4j.intel.table.PasidEntry;
import org.iommu4j.intel.table.PasidTables;
import org.iommu4j.intel.table.ScalableContextEntry;
import org.iommu4j.intel.table.TableWalker;
import org.iommu4j.simulation.cache.KeyedCache;

/**
 * The context cache of scalable mode, found by source id, and the PASID cache, found by source id and PASID and tagged with
 * domain id and PASID, VT-d 6.2.1. One entry of each is selected at a time and stands decoded in the accessors. Entries that
 * fault are kept in caching mode only, a PASID entry then under domain id 0.
 */
final class ScalableContexts {
    private static final int DEFAULT_CONTEXTS = 4096;
    private static final int DEFAULT_PASIDS = 4096;
    private static final int PASID_BITS = 20;
    private static final long NOBODY = -1;

    /** Words of a context entry. */
    private static final int LOW = 0;

    private static final int HIGH = 1;
    private static final int FAULT = 2;

    /** Words of a PASID entry: those of the entry that say something, what is wrong, and whether faults are recorded. */
    private static final int[] PASID_WORDS = {
        PasidEntry.PGTT.word(),
        PasidEntry.DID.word(),
        PasidEntry.FSPTPTR.word(),
        PasidEntry.HPTPTR.word(),
        PasidEntry.HPTDID.word(),
    };

    private static final int HOST_PERMISSIONS = 3;
    private static final int HOST_PERMISSION_DOMAIN = 4;
    private static final int PASID_FAULT = 5;
    private static final int SUPPRESSED = 6;

    private final KeyedCache contexts;
    private final KeyedCache pasids;
    private final long[] contextWords = new long[FAULT + 1];
    private final long[] pasidWords = new long[SUPPRESSED + 1];
    private final AddressSpace space;

    private long selectedContext = NOBODY;
    private long selectedPasid = NOBODY;

    ScalableContexts(CacheConfig config, VtdCapabilities unit) {
        contexts = KeyedCache.of(config, DEFAULT_CONTEXTS, contextWords.length);
        pasids = KeyedCache.of(config, DEFAULT_PASIDS, pasidWords.length);
        space = new AddressSpace(unit);
    }

    /** Selects the context entry of a device; false if it is not cached. */
    boolean selectContext(int sourceId) {
        if (sourceId == selectedContext) {
            return true;
        }
        int entry = contexts.lookup(sourceId);
        if (entry == KeyedCache.MISS) {
            return false;
        }
        take(contexts, entry, contextWords);
        selectedContext = sourceId;
        return true;
    }

    /**
     * Selects the context entry that was just read, and keeps it.
     *
     * @param fault what is wrong with it, 0 if nothing
     * @param keep false if the architecture does not let it be cached
     */
    void fillContext(int sourceId, PasidTables tables, int fault, boolean keep) {
        contextWords[LOW] = tables.context(LOW);
        contextWords[HIGH] = tables.context(HIGH);
        contextWords[FAULT] = fault;
        selectedContext = NOBODY;
        if (keep && contexts.capacity() > 0) {
            contexts.insert(sourceId, 0, contextWords);
            selectedContext = sourceId;
        }
    }

    /** Selects the entry of a PASID of a device; false if it is not cached. */
    boolean selectPasid(int sourceId, int pasid) {
        long key = key(sourceId, pasid);
        if (key == selectedPasid) {
            return true;
        }
        int entry = pasids.lookup(key);
        if (entry == KeyedCache.MISS) {
            return false;
        }
        take(pasids, entry, pasidWords);
        decode();
        selectedPasid = key;
        return true;
    }

    /**
     * Selects the PASID entry that was just read, and keeps it.
     *
     * @param fault what is wrong with it, 0 if nothing
     * @param keep false if the architecture does not let it be cached
     */
    void fillPasid(int sourceId, int pasid, PasidTables tables, int fault, boolean keep) {
        for (int word = 0; word < PASID_WORDS.length; word++) {
            pasidWords[word] = tables.pasid(PASID_WORDS[word]);
        }
        pasidWords[PASID_FAULT] = fault;
        pasidWords[SUPPRESSED] = tables.faultsSuppressed() ? 1 : 0;
        decode();
        selectedPasid = NOBODY;
        if (keep && pasids.capacity() > 0) {
            long key = key(sourceId, pasid);
            pasids.insert(key, key(domain(), pasid), pasidWords);
            selectedPasid = key;
        }
    }

    private void decode() {
        if (pasidFault() == TableWalker.OK) {
            space.decode(pasidWords[0], pasidWords[1], pasidWords[2]);
        }
    }

    private static void take(KeyedCache cache, int entry, long[] words) {
        for (int word = 0; word < words.length; word++) {
            words[word] = cache.word(entry, word);
        }
    }

    private static long key(int high, int pasid) {
        return (long) high << PASID_BITS | pasid;
    }

    /** Context-cache invalidation of everything, and of a domain: scalable mode has no domain id there. */
    int invalidateContexts() {
        selectedContext = NOBODY;
        return contexts.invalidateAll();
    }

    /**
     * Context-cache invalidation of a device, or of several functions of it.
     *
     * @param functionMask which bits of the function number are ignored, see {@link ContextCacheInvalidate#FM}
     */
    int invalidateContextOfDevice(int sourceId, int functionMask) {
        selectedContext = NOBODY;
        long compared = ~(long) ContextCacheInvalidate.ignoredSourceBits(functionMask);
        return contexts.invalidateMatching(compared, sourceId, 0, 0);
    }

    /**
     * PASID-cache invalidation, of every device.
     *
     * @param granularity {@link PasidCacheInvalidate#G}
     */
    int invalidatePasids(int granularity, int domain, int pasid) {
        selectedPasid = NOBODY;
        return switch (granularity) {
            case PasidCacheInvalidate.DOMAIN -> pasids.invalidateMatching(0, 0, -1L << PASID_BITS, key(domain, 0));
            case PasidCacheInvalidate.ONE_PASID -> pasids.invalidateMatching(0, 0, -1L, key(domain, pasid));
            default -> pasids.invalidateAll();
        };
    }

    /** Shows valid entries. */
    void visit(CacheVisitor visitor) {
        contexts.visit(entry -> {
            if (contexts.word(entry, FAULT) == TableWalker.OK) {
                visitor.entry(
                        "context",
                        contexts.key(entry),
                        TranslationCaches.NO_PASID,
                        0,
                        0,
                        ScalableContextEntry.PASIDDIRPTR.get(contexts.word(entry, LOW)));
            }
        });
        pasids.visit(entry -> {
            if (pasids.word(entry, PASID_FAULT) == TableWalker.OK) {
                long key = pasids.key(entry);
                int pasid = (int) (key & ((1 << PASID_BITS) - 1));
                visitor.entry("pasid", key >>> PASID_BITS, pasid, 0, 0, pasids.tag(entry) >>> PASID_BITS);
            }
        });
    }

    /** Selected context entry: what is wrong with it, 0 if nothing. */
    int contextFault() {
        return (int) contextWords[FAULT];
    }

    /** Selected context entry: its first word. */
    long context() {
        return contextWords[LOW];
    }

    /** Selected context entry: qualified faults are not recorded. */
    boolean contextSuppresses() {
        return ScalableContextEntry.FPD.isSet(contextWords[LOW]);
    }

    /** Selected context entry: PASID of requests that have none. */
    int ridPasid() {
        return ScalableContextEntry.RID_PASID.getInt(contextWords[HIGH]);
    }

    /** Selected context entry: requests that have no PASID are supervisor requests. */
    boolean ridPrivileged() {
        return ScalableContextEntry.RID_PRIV.isSet(contextWords[HIGH]);
    }

    /** Selected PASID entry: what is wrong with it, 0 if nothing. */
    int pasidFault() {
        return (int) pasidWords[PASID_FAULT];
    }

    /** Selected PASID entry, or its directory entry: qualified faults are not recorded. */
    boolean pasidSuppresses() {
        return pasidWords[SUPPRESSED] != 0;
    }

    /** Selected PASID entry: domain id; 0 if it faults. */
    int domain() {
        return pasidFault() == TableWalker.OK ? PasidEntry.DID.getInt(pasidWords[1]) : 0;
    }

    /** Selected PASID entry, decoded; of one that faults nothing is decoded. */
    AddressSpace space() {
        return space;
    }

    /** Selected PASID entry: its host permission table. */
    long permissionTable() {
        return PasidEntry.HPTPTR.get(pasidWords[HOST_PERMISSIONS]);
    }

    /** Selected PASID entry: HPTDID. */
    int permissionDomain() {
        return PasidEntry.HPTDID.getInt(pasidWords[HOST_PERMISSION_DOMAIN]);
    }

    /** Selected PASID entry: HPTSZ. */
    int permissionTableSize() {
        return PasidEntry.HPTSZ.getInt(pasidWords[HOST_PERMISSIONS]);
    }
}
