package org.iommu4j.benchmarks;

import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.AddressType;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.simulation.cache.KeyedCache;
import org.iommu4j.simulation.cache.TranslationCache;

/**
 * The least that an access through an SMMU costs: one class by hand for streams of one stage or both in 4 KiB granules, over the same
 * memory and the same caches, with the checks that the architecture has for stream table entries, context descriptors and tables
 * (docs/spec/arm-smmu.md 3.7). No registers, no other granules, no counters, no observers, no events.
 *
 * <p>What it does not know it refuses: a field that would change the translation has to be read even so, or a chip would translate
 * wrongly. That is translations for devices, substreams, streams of EL2, overrides of privilege, the upper half of addresses, other
 * output sizes than 48 bits, tables of the other byte order, updates by hardware, ignored access flags, execution limits of a
 * whole context. Blocks, what a table limits below it, privilege and execution are part of every walk, DDI 0487 D8.3 and D8.4.
 */
final class PlainSmmu {
    private static final int GLOBAL = 1 << 16;
    private static final int PAGE_SHIFT = 12;
    private static final long IN_PAGE = (1L << PAGE_SHIFT) - 1;
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
    private static final long CONTEXT_POINTER = 0xffff_ffff_ffc0L;

    /** S1CDMax, S1Fmt and what of S1ContextPtr is beyond the output size; S1STALLD, EATS, STRW, PRIVCFG and INSTCFG. */
    private static final long UNKNOWN_0 = 0xf80f_0000_0000_0030L;

    private static final long UNKNOWN_1 = 0x000f_0000_f800_0000L;

    /** Upper word of a stage-2 stream: all but S2R and the fields that do not change a translation. */
    private static final long STAGE_2_CHECKED = 0x03ff_c0ff_0000_0000L;

    /** S2AA64, S2PS of 48 bits, S2SL0 and S2T0SZ: AArch64, 4 KiB, level 0, 48 bits. */
    private static final long STAGE_2_FORMAT = 0x000d_0090_0000_0000L;

    /** A context descriptor: T0SZ, TG0, EPD0, ENDI, EPD1, V, IPS, AFFD, WXN, TBI0, PAN, AA64, HD, HA, S, A. */
    private static final long CONTEXT_CHECKED = 0x0000_5f5f_c000_c0ffL;

    /** The lower half alone, 48 bits, 4 KiB, output of 48 bits; aborts are reported. */
    private static final long CONTEXT_FORMAT = 0x0000_4205_c000_0010L;

    /** The second word of a context descriptor: HAD0, E0PD0, EPAN, and what of TTB0 is beyond the output size; of S2TTB the same, and S2DS. */
    private static final long CONTEXT_UNKNOWN_1 = 0x080f_0000_0000_0006L;

    private static final long STAGE_2_UNKNOWN_3 = 0x000f_0000_0000_0008L;

    /** A leaf of stage 1: AF, AP[1], AP[2], PXN, UXN; a table: PXNTable, UXNTable, APTable. */
    private static final long ACCESSED = 1L << 10;

    private static final long UNPRIVILEGED = 1L << 6;
    private static final long READ_ONLY = 1L << 7;
    private static final long PXN = 1L << 53;
    private static final long UXN = 1L << 54;
    private static final long PXN_TABLE = 1L << 59;
    private static final long UXN_TABLE = 1L << 60;
    private static final long PRIVILEGED_TABLE = 1L << 61;
    private static final long READ_ONLY_TABLE = 1L << 62;

    /** A leaf of stage 2: S2AP and XN. */
    private static final int STAGE_2_RIGHTS_SHIFT = 6;

    private static final int XN_SHIFT = 53;

    /** Rights of unprivileged accesses stand above those of privileged ones; a factor gives both the same. */
    private static final int UNPRIVILEGED_SHIFT = 3;

    private static final int FOR_BOTH = 1 | (1 << UNPRIVILEGED_SHIFT);
    private static final int DATA = DmaAccess.READ | DmaAccess.WRITE;
    private static final int ALL_OF_ONE = DATA | DmaAccess.EXECUTE;

    /** Execution by XN with IDR3.XNX: by both, unprivileged only, by nobody, privileged only. */
    private static final int[] EXECUTION = {
        DmaAccess.EXECUTE * FOR_BOTH, DmaAccess.EXECUTE << UNPRIVILEGED_SHIFT, 0, DmaAccess.EXECUTE
    };

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
                || access.addressType() != AddressType.UNTRANSLATED
                || !read(entries, stream, memory, streams + stream * ENTRY_BYTES, false)) {
            return 0;
        }
        boolean both = (entry[0] & STAGE_2) != 0;
        boolean wellFormed =
                !both || ((entry[2] & STAGE_2_CHECKED) == STAGE_2_FORMAT && (entry[3] & STAGE_2_UNKNOWN_3) == 0);
        if ((entry[0] & TRANSLATES) != TRANSLATES
                || (entry[0] & STAGE_1) == 0
                || ((entry[0] & UNKNOWN_0) | (entry[1] & UNKNOWN_1)) != 0
                || !wellFormed) {
            return 0;
        }
        if (!read(contexts, stream, tables, entry[0] & CONTEXT_POINTER, both)
                || (context[1] & CONTEXT_UNKNOWN_1) != 0
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
        long limits = 0;
        for (int level = 0; ; level++) {
            long at = slot(table, iova, level);
            long pa = both ? second(at, DmaAccess.READ) : at;
            if (pa < 0) {
                return -1;
            }
            long found = tables.readLongLe(pa);
            if (!isLegal(found, level)) {
                return -1;
            }
            table = found & ADDRESS;
            if (isLeaf(found, level)) {
                if ((found & ACCESSED) == 0) {
                    return -1;
                }
                int first = first(found, limits);
                rights = first;
                long page = page(table, iova, level);
                long target = both ? second(page, 0) : page;
                rights &= first;
                return target;
            }
            limits |= found;
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
            if (!isLegal(found, level)) {
                return -1;
            }
            table = found & ADDRESS;
            if (isLeaf(found, level)) {
                int data = (int) (found >>> STAGE_2_RIGHTS_SHIFT) & DATA;
                rights = (data * FOR_BOTH) | EXECUTION[(int) (found >>> XN_SHIFT) & 3];
                boolean allowed = (found & ACCESSED) != 0 && (needed & ~rights) == 0;
                return allowed ? page(table, address, level) | (address & IN_PAGE) : -1;
            }
        }
    }

    /** A table or a page where it may be, or a block of 1 GiB or 2 MiB. */
    private static boolean isLegal(long found, int level) {
        return (found & 3) == 3 || ((found & 3) == 1 && (level == 1 || level == 2));
    }

    private static boolean isLeaf(long found, int level) {
        return level == LAST_LEVEL || (found & 2) == 0;
    }

    /** The page of 4 KiB of an address in a block. */
    private static long page(long block, long address, int level) {
        long size = 1L << (PAGE_SHIFT + LEVEL_BITS * (LAST_LEVEL - level));
        return (block & -size) | (address & (size - 1) & -(IN_PAGE + 1));
    }

    /** Rights of a leaf of stage 1, privileged and unprivileged, below tables with some limits, DDI 0487 D8.4. */
    private static int first(long leaf, long limits) {
        boolean writable = (leaf & READ_ONLY) == 0 && (limits & READ_ONLY_TABLE) == 0;
        boolean open = (leaf & UNPRIVILEGED) != 0 && (limits & PRIVILEGED_TABLE) == 0;
        int data = writable ? DATA : DmaAccess.READ;
        int all = data | (open ? data << UNPRIVILEGED_SHIFT : 0);
        boolean never = (leaf & PXN) != 0 || (limits & PXN_TABLE) != 0 || (open && writable);
        all |= never ? 0 : DmaAccess.EXECUTE;
        return (leaf & UXN) != 0 || (limits & UXN_TABLE) != 0 ? all : all | (DmaAccess.EXECUTE << UNPRIVILEGED_SHIFT);
    }

    private static long slot(long table, long address, int level) {
        long index = (address >>> (PAGE_SHIFT + LEVEL_BITS * (LAST_LEVEL - level))) & INDEX_MASK;
        return table + index * Long.BYTES;
    }

    private static long finish(DmaAccess access, long page, int rights) {
        int wanted = access.rights();
        // An instruction has to be executable only.
        int needed = (wanted & DmaAccess.WRITE) == 0 && (wanted & DmaAccess.EXECUTE) != 0
                ? DmaAccess.EXECUTE
                : wanted & DATA;
        int granted = access.privileged() ? rights : rights >>> UNPRIVILEGED_SHIFT;
        if ((needed & ~granted) != 0) {
            return 0;
        }
        access.translated(page | (access.iova() & IN_PAGE), IN_PAGE + 1, granted & ALL_OF_ONE, false);
        return access.spa();
    }
}
