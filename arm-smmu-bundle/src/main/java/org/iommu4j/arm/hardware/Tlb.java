package org.iommu4j.arm.hardware;

import org.iommu4j.arm.command.Granule;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.simulation.cache.TranslationCache;

/**
 * Translations of one regime, IHI 0070 16.2: leaves, and where tables are. Each granule has caches of its own, so that the size
 * of an entry tells its level, and a command that names a granule leaves the others alone, as a real chip may.
 *
 * <p>The tag of an entry is a number that the regime chooses (a VMID, or a world of EL2), and an ASID, {@link #GLOBAL} or
 * {@link #NO_ASID}.
 */
final class Tlb {
    /** ASID of entries of all ASIDs. */
    static final int GLOBAL = 1 << 16;

    /** ASID of entries of a regime that has none. */
    static final int NO_ASID = TranslationCache.NO_PASID;

    /** Any level. */
    static final long ANY_LEVEL = -1L;

    private static final int DEFAULT_LEAVES = 1 << 16;
    private static final int DEFAULT_TABLES = 1 << 13;
    private static final Granule[] GRANULES = Granule.values();

    /** Caches in the order of the granules. */
    private final TranslationCache[] leaves = new TranslationCache[GRANULES.length];

    private final TranslationCache[] tables = new TranslationCache[GRANULES.length];

    private long dropped;

    Tlb(CacheConfig config) {
        for (int index = 0; index < GRANULES.length; index++) {
            leaves[index] = TranslationCache.of(config, DEFAULT_LEAVES);
            tables[index] = TranslationCache.of(config, DEFAULT_TABLES);
        }
    }

    /** Entries dropped since the chip was made. */
    long dropped() {
        return dropped;
    }

    /** Leaves of a granule. */
    TranslationCache leaves(Granule granule) {
        return leaves[granule.index()];
    }

    /** Tables of a granule, by the range that the descriptor that leads to them covers. */
    TranslationCache tables(Granule granule) {
        return tables[granule.index()];
    }

    /** Drops everything. */
    void invalidateAll() {
        for (int index = 0; index < GRANULES.length; index++) {
            dropped += leaves[index].invalidateAll() + tables[index].invalidateAll();
        }
    }

    /** Drops everything of a tag, whatever its ASID. */
    void invalidateTag(int tag) {
        for (int index = 0; index < GRANULES.length; index++) {
            dropped += leaves[index].invalidateDomain(tag) + tables[index].invalidateDomain(tag);
        }
    }

    /** Drops everything of a tag and an ASID; what is global stays. */
    void invalidateAsid(int tag, int asid) {
        for (int index = 0; index < GRANULES.length; index++) {
            dropped += leaves[index].invalidateSpace(tag, asid) + tables[index].invalidateSpace(tag, asid);
        }
    }

    /** Drops what holds an address, of one ASID and global, or of a regime without ASIDs. */
    void invalidatePage(int tag, int asid, long address, boolean leafOnly) {
        for (int index = 0; index < GRANULES.length; index++) {
            invalidatePage(leaves[index], tag, asid, address);
            if (!leafOnly) {
                invalidatePage(tables[index], tag, asid, address);
            }
        }
    }

    private void invalidatePage(TranslationCache cache, int tag, int asid, long address) {
        if (cache.size() != 0) {
            dropped += cache.invalidatePage(tag, asid, address);
            if (asid != NO_ASID) {
                dropped += cache.invalidatePage(tag, GLOBAL, address);
            }
        }
    }

    /** Drops what holds an address, of every ASID and global. */
    void invalidatePageAnyAsid(int tag, long address, boolean leafOnly) {
        for (int index = 0; index < GRANULES.length; index++) {
            dropped += leaves[index].invalidateRangeAnyPasid(tag, address, address);
            if (!leafOnly) {
                dropped += tables[index].invalidateRangeAnyPasid(tag, address, address);
            }
        }
    }

    /**
     * Drops what shares a byte with a range, of one granule, IHI 0070 4.4.1.1.
     *
     * @param asid with which what is global goes, too; or {@link #NO_ASID}
     * @param anyAsid true for every ASID
     * @param level of the leaves, 0 for any: tables of levels below stay
     */
    void invalidateRange(
            Granule granule, int tag, int asid, boolean anyAsid, long first, long last, boolean leafOnly, int level) {
        drop(leaves(granule), tag, asid, anyAsid, first, last, leafShifts(granule, level));
        if (!leafOnly) {
            drop(tables(granule), tag, asid, anyAsid, first, last, tableShifts(granule, level));
        }
    }

    private void drop(TranslationCache cache, int tag, int asid, boolean anyAsid, long first, long last, long shifts) {
        if (cache.size() == 0) {
            return;
        }
        if (anyAsid) {
            dropped += cache.invalidateRangeAnyPasid(tag, first, last, shifts);
            return;
        }
        dropped += cache.invalidateRange(tag, asid, first, last, shifts);
        if (asid != NO_ASID) {
            dropped += cache.invalidateRange(tag, GLOBAL, first, last, shifts);
        }
    }

    /** The sizes of leaves of a level, runs of contiguous ones included: a bit for the log2 of each. */
    static long leafShifts(Granule granule, int level) {
        if (level == 0) {
            return ANY_LEVEL;
        }
        int shift = granule.shiftOf(level);
        return 1L << shift | 1L << (shift + granule.contiguousBits(level));
    }

    /** Ranges that descriptors of levels above one cover. */
    static long tableShifts(Granule granule, int level) {
        return level == 0 ? ANY_LEVEL : ANY_LEVEL << (granule.shiftOf(level) + 1);
    }
}
