package org.iommu4j.benchmarks;

import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.simulation.cache.TranslationCache;

/**
 * The least that commands and accesses with PASIDs cost in VT-d's scalable mode: one class by hand for one device, over the same
 * memory and the same caches, with the checks that the architecture has for the commands and entries that it knows. No registers,
 * no other commands, no counters, no observers, no faults with reasons.
 */
final class PlainVtd {
    private static final int NO_PASID = TranslationCache.NO_PASID;
    private static final long ADDRESS = 0xf_ffff_ffff_f000L;
    private static final long HOST = 0xffff_ffff_f000L;
    private static final int PAGE_SHIFT = 12;
    private static final int LEVELS = 4;
    private static final long DESCRIPTOR_BYTES = 32;
    private static final int ENTRIES = 256;

    // Descriptors of types 6 and 5, VT-d 6.5.2.4 and 6.5.2.9.
    private static final int PASID_IOTLB = 6;
    private static final int WAIT = 5;
    private static final long RESERVED_0 = 0xfff0_0000_0000_f1c0L;
    private static final long RESERVED_1 = 0xf80;
    private static final long WAIT_RESERVED = 0xffff_f180L;

    // Entries: present, accessed, leaf; what is reserved in a leaf of the second stage.
    private static final long PRESENT = 1;
    private static final long FIRST_STAGE_ACCESSED = 1 << 5;
    private static final long BOTH_RIGHTS = 3;
    private static final long LARGE = 1 << 7;
    private static final long BEYOND_HOST = ADDRESS & ~HOST;

    // The lookup, VT-d 9.2 to 9.6: what must be 0 in a context entry and in a PASID entry.
    private static final long ROOT_RESERVED = 0xffeL | ~((1L << 48) - 1);
    private static final long CONTEXT_RESERVED_0 = 0x180L | ~((1L << 48) - 1);
    private static final long CONTEXT_RESERVED_1 = -1L << 21;
    private static final long PASID_RESERVED_0 = 0xc20L | ~((1L << 48) - 1);
    private static final long PASID_RESERVED_1 = 0xf87f_0000L;
    private static final long PASID_RESERVED_2 = 0xf02L | ~((1L << 48) - 1);

    private final PhysicalMemory memory;
    private final PhysicalMemory tables;
    private final long rootTable;
    private final long ring;
    private final long status;
    private final long[] pair = new long[2];
    private final TranslationCache pages = new TranslationCache(1 << 16);
    private final TranslationCache structures = new TranslationCache(1 << 13);
    private final TranslationCache secondPages = new TranslationCache(1 << 16);
    private long tail;
    private long head;
    private int waits;

    /**
     * A unit.
     *
     * @param memory the host's, with root table, PASID tables and queue
     * @param tables what a guest's tables may be in
     */
    PlainVtd(PhysicalMemory memory, PhysicalMemory tables, long rootTable, long ring, long status) {
        this.memory = memory;
        this.tables = tables;
        this.rootTable = rootTable;
        this.ring = ring;
        this.status = status;
    }

    /** Puts one command into the ring. */
    void put(long word0, long word1) {
        long at = ring + tail;
        memory.writeLongLe(at, word0);
        memory.writeLongLe(at + 8, word1);
        memory.writeLongLe(at + 16, 0);
        memory.writeLongLe(at + 24, 0);
        tail = (tail + DESCRIPTOR_BYTES) & (ENTRIES * DESCRIPTOR_BYTES - 1);
    }

    /** Puts the wait behind them, executes everything, and reads its status; true if all was legal. */
    boolean finish() {
        waits++;
        put(WAIT | (1 << 5) | ((long) waits << 32), status);
        while (head != tail) {
            long at = ring + head;
            memory.readPairLe(at, pair);
            long word0 = pair[0];
            long word1 = pair[1];
            memory.readPairLe(at + 16, pair);
            if ((pair[0] | pair[1]) != 0 || !execute(word0, word1)) {
                return false;
            }
            head = (head + DESCRIPTOR_BYTES) & (ENTRIES * DESCRIPTOR_BYTES - 1);
        }
        return memory.readIntLe(status) == waits;
    }

    private boolean execute(long word0, long word1) {
        switch ((int) word0 & 0xf) {
            case WAIT -> {
                if ((word0 & WAIT_RESERVED) != 0) {
                    return false;
                }
                memory.writeIntLe(word1 & -4, (int) (word0 >>> 32));
                return true;
            }
            case PASID_IOTLB -> {
                if ((word0 & RESERVED_0) != 0 || (word1 & RESERVED_1) != 0) {
                    return false;
                }
                return drop((int) (word0 >>> 16) & 0xffff, (int) (word0 >>> 32), (int) (word0 >>> 4) & 3, word1);
            }
            default -> {
                return false;
            }
        }
    }

    private boolean drop(int domain, int pasid, int granularity, long word1) {
        if (granularity == 2) {
            pages.invalidateSpace(domain, pasid);
            secondPages.invalidateSpace(domain, pasid);
            structures.invalidateSpace(domain, pasid);
            return true;
        }
        int shift = PAGE_SHIFT + (int) (word1 & 0x3f);
        pages.invalidateBlock(domain, pasid, word1 & -4096, shift);
        structures.invalidateBlock(domain, pasid, word1 & -4096, shift);
        return granularity == 3;
    }

    /** Host address of an address of a PASID by the tables; 0 if it is refused. */
    long walk(int sourceId, int pasid, long address) {
        long root = memory.readLongLe(rootTable + (sourceId >>> 7) * 8L);
        if ((root & PRESENT) == 0 || (root & ROOT_RESERVED) != 0) {
            return 0;
        }
        long contextAt = (root & ADDRESS) + (sourceId & 0x7f) * 32L;
        memory.readPairLe(contextAt, pair);
        long context = pair[0];
        long wrong = (context & CONTEXT_RESERVED_0) | (pair[1] & CONTEXT_RESERVED_1);
        memory.readPairLe(contextAt + 16, pair);
        if ((context & PRESENT) == 0 || (wrong | pair[0] | pair[1]) != 0) {
            return 0;
        }
        long directory = memory.readLongLe((context & ADDRESS) + (pasid >>> 6) * 8L);
        if ((directory & PRESENT) == 0 || (directory & ROOT_RESERVED & ~2L) != 0) {
            return 0;
        }
        long entryAt = (directory & ADDRESS) + (pasid & 0x3f) * 64L;
        memory.readPairLe(entryAt, pair);
        long word0 = pair[0];
        wrong = (word0 & PASID_RESERVED_0) | (pair[1] & PASID_RESERVED_1);
        memory.readPairLe(entryAt + 16, pair);
        long word2 = pair[0];
        wrong |= (word2 & PASID_RESERVED_2) | pair[1];
        memory.readPairLe(entryAt + 32, pair);
        wrong |= pair[0] | pair[1];
        memory.readPairLe(entryAt + 48, pair);
        if ((word0 & PRESENT) == 0 || (wrong | pair[0] | pair[1]) != 0) {
            return 0;
        }
        boolean nested = ((word0 >>> 6) & 7) == 3;
        int levels = (int) ((word0 >>> 2) & 7) + 2;
        long second = word0 & ADDRESS;
        long table = word2 & ADDRESS;
        for (int level = LEVELS; level > 0; level--) {
            long at = table + ((address >>> (PAGE_SHIFT + 9 * (level - 1))) & 511) * 8;
            at = nested ? secondStage(second, levels, at) : at;
            long entry = at == 0 ? 0 : tables.readLongLe(at);
            boolean leaf = level == 1 || (entry & LARGE) != 0;
            if ((entry & PRESENT) == 0 || (entry & BEYOND_HOST) != 0) {
                return 0;
            }
            if ((entry & FIRST_STAGE_ACCESSED) == 0) {
                tables.writeLongLe(at, entry | FIRST_STAGE_ACCESSED);
            }
            table = entry & ADDRESS;
            if (leaf) {
                long inPage = (1L << (PAGE_SHIFT + 9 * (level - 1))) - 1;
                long found = (table & ~inPage) | (address & inPage);
                return nested ? secondStage(second, levels, found) : found;
            }
        }
        return 0;
    }

    /** Host address of an address of the guest; 0 if it has none. */
    private long secondStage(long root, int levels, long address) {
        long table = root;
        for (int level = levels; level > 0; level--) {
            int shift = PAGE_SHIFT + 9 * (level - 1);
            long entry = memory.readLongLe(table + ((address >>> shift) & 511) * 8);
            if ((entry & BOTH_RIGHTS) == 0 || (entry & BEYOND_HOST) != 0) {
                return 0;
            }
            table = entry & ADDRESS;
            if (level == 1 || (entry & LARGE) != 0) {
                long inPage = (1L << shift) - 1;
                return (table & ~inPage) | (address & inPage);
            }
        }
        return 0;
    }

    /** Fills the caches as a unit's are after accesses to so many pages. */
    void fill(int domain, int pasid, long iova, int count) {
        for (int page = 0; page < count; page++) {
            long address = iova + page * 4096L;
            pages.insert(domain, pasid, address, PAGE_SHIFT, address, 0);
            secondPages.insert(domain, NO_PASID, address, PAGE_SHIFT, address, 0);
            for (int shift = 21; shift <= 39; shift += 9) {
                structures.insert(domain, pasid, address & (-1L << shift), shift, address, 0);
            }
        }
    }
}
