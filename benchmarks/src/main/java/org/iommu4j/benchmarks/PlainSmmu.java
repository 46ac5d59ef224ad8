package org.iommu4j.benchmarks;

import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.simulation.cache.KeyedCache;
import org.iommu4j.simulation.cache.TranslationCache;

/**
 * The least that an access through an SMMU costs: one class by hand for streams of one stage or both in 4 KiB granules, over the same
 * memory and the same caches, with the checks that the architecture has for stream table entries, context descriptors and tables
 * (docs/spec/arm-smmu.md 3.7). No registers, no other granules, no counters, no observers, no events.
 */
final class PlainSmmu {
    private static final int GLOBAL = 1 << 16;
    private static final int PAGE_SHIFT = 12;
    private static final int LEVEL_BITS = 9;
    private static final long INDEX_MASK = (1 << LEVEL_BITS) - 1;
    private static final long ADDRESS = 0xffff_ffff_f000L;
    private static final int LAST_LEVEL = 3;
    private static final int ENTRY_WORDS = 4;
    private static final long ENTRY_BYTES = 64;

    /** A stream table entry: V, and Config with a bit for each stage above that of a stream that does not abort. */
    private static final long TRANSLATES = 0b1001;

    private static final long STAGE_1 = 0b0010;
    private static final long STAGE_2 = 0b0100;
    private static final long CONTEXT_POINTER = 0xf_ffff_ffff_ffc0L;

    /** S2AA64, S2TG, S2SL0 and S2T0SZ: AArch64, 4 KiB, level 0, 48 bits. */
    private static final long STAGE_2_CHECKED = 0x0008_c0ff_0000_0000L;

    private static final long STAGE_2_FORMAT = 0x0008_0090_0000_0000L;

    /** A context descriptor: V, AA64, TG0 and EPD0; T0SZ of 48 bits. */
    private static final long CONTEXT_CHECKED = (1L << 31) | (1L << 41) | 0x40ffL;

    private static final long CONTEXT_FORMAT = (1L << 31) | (1L << 41) | 16;

    /** A leaf of stage 1: AF, AP[1], AP[2]; of stage 2: AF, S2AP. */
    private static final long ACCESSED = 1L << 10;

    private static final long UNPRIVILEGED = 1L << 6;
    private static final long READ_ONLY = 1L << 7;
    private static final int STAGE_2_RIGHTS_SHIFT = 6;

    private final PhysicalMemory memory;
    private final PhysicalMemory tables;
    private final long streams;
    private final int log2Streams;
    private final boolean caches;
    private final KeyedCache entries = new KeyedCache(1 << 10, ENTRY_WORDS);
    private final KeyedCache contexts = new KeyedCache(1 << 10, ENTRY_WORDS);
    private final TranslationCache leaves = new TranslationCache(1 << 16);
    private final long[] entry = new long[ENTRY_WORDS];
    private final long[] context = new long[ENTRY_WORDS];
    private int rights;

    /**
     * A unit.
     *
     * @param memory the host's, with the stream table
     * @param tables what a guest's tables may be in
     * @param caches false if everything is read for every access
     */
    PlainSmmu(PhysicalMemory memory, PhysicalMemory tables, long streams, int log2Streams, boolean caches) {
        this.memory = memory;
        this.tables = tables;
        this.streams = streams;
        this.log2Streams = log2Streams;
        this.caches = caches;
    }

    /** The address to which an access goes; 0 if it is refused. */
    long translate(DmaAccess access) {
        int stream = access.requester();
        if (stream >>> log2Streams != 0
                || access.pasid() != DmaAccess.NO_PASID
                || !read(entries, stream, memory, streams + stream * ENTRY_BYTES, false)) {
            return 0;
        }
        boolean both = (entry[0] & STAGE_2) != 0;
        boolean wellFormed = !both || (entry[2] & STAGE_2_CHECKED) == STAGE_2_FORMAT;
        if ((entry[0] & TRANSLATES) != TRANSLATES || (entry[0] & STAGE_1) == 0 || !wellFormed) {
            return 0;
        }
        if (!read(contexts, stream, tables, entry[0] & CONTEXT_POINTER, both)
                || (context[0] & CONTEXT_CHECKED) != CONTEXT_FORMAT
                || access.iova() >>> 48 != 0) {
            return 0;
        }
        int vmid = (int) entry[2] & 0xffff;
        int asid = (int) (context[0] >>> 48);
        long iova = access.iova();
        if (caches) {
            int cached = leaves.lookup(vmid, asid, iova);
            if (cached == TranslationCache.MISS) {
                cached = leaves.lookup(vmid, GLOBAL, iova);
            }
            if (cached != TranslationCache.MISS) {
                return finish(access, leaves.value(cached), leaves.attributes(cached));
            }
        }
        long page = walk(iova, both);
        if (page < 0) {
            return 0;
        }
        if (caches) {
            leaves.insert(vmid, asid, iova & -(1L << PAGE_SHIFT), PAGE_SHIFT, page, rights);
        }
        return finish(access, page, rights);
    }

    /** An entry of a stream, or its context descriptor. */
    private boolean read(KeyedCache cache, int stream, PhysicalMemory from, long at, boolean translated) {
        long[] words = cache == entries ? entry : context;
        int known = caches ? cache.lookup(stream) : KeyedCache.MISS;
        if (known != KeyedCache.MISS) {
            for (int word = 0; word < ENTRY_WORDS; word++) {
                words[word] = cache.word(known, word);
            }
            return true;
        }
        long pa = translated ? second(at, DmaAccess.READ) : at;
        if (pa < 0) {
            return false;
        }
        for (int word = 0; word < ENTRY_WORDS; word++) {
            words[word] = from.readLongLe(pa + (long) word * Long.BYTES);
        }
        if (caches) {
            cache.insert(stream, 0, words);
        }
        return true;
    }

    /** Stage 1, and stage 2 of each descriptor's address and of the result; -1 for a fault. */
    private long walk(long iova, boolean both) {
        long table = context[1] & ADDRESS;
        for (int level = 0; ; level++) {
            long at = slot(table, iova, level);
            long pa = both ? second(at, DmaAccess.READ) : at;
            if (pa < 0) {
                return -1;
            }
            long found = tables.readLongLe(pa);
            if ((found & 3) != 3) {
                return -1;
            }
            table = found & ADDRESS;
            if (level == LAST_LEVEL) {
                if ((found & ACCESSED) == 0 || (found & UNPRIVILEGED) == 0) {
                    return -1;
                }
                int first = (found & READ_ONLY) != 0 ? DmaAccess.READ : DmaAccess.READ | DmaAccess.WRITE;
                rights = first;
                if (!both) {
                    return table;
                }
                long target = second(table, 0);
                rights &= first;
                return target;
            }
        }
    }

    /** Stage 2 of an address; -1 for a fault. Its rights stand in {@link #rights}. */
    private long second(long address, int needed) {
        long table = entry[3] & ADDRESS;
        if (address >>> 48 != 0) {
            return -1;
        }
        for (int level = 0; ; level++) {
            long found = tables.readLongLe(slot(table, address, level));
            if ((found & 3) != 3) {
                return -1;
            }
            table = found & ADDRESS;
            if (level == LAST_LEVEL) {
                rights = (int) (found >>> STAGE_2_RIGHTS_SHIFT) & (DmaAccess.READ | DmaAccess.WRITE);
                boolean allowed = (found & ACCESSED) != 0 && (needed & ~rights) == 0;
                return allowed ? table | (address & ((1 << PAGE_SHIFT) - 1)) : -1;
            }
        }
    }

    private static long slot(long table, long address, int level) {
        long index = (address >>> (PAGE_SHIFT + LEVEL_BITS * (LAST_LEVEL - level))) & INDEX_MASK;
        return table + index * Long.BYTES;
    }

    private static long finish(DmaAccess access, long page, int rights) {
        if ((access.rights() & ~rights) != 0) {
            return 0;
        }
        access.translated(page | (access.iova() & ((1 << PAGE_SHIFT) - 1)), 1L << PAGE_SHIFT, rights, false);
        return access.spa();
    }
}
