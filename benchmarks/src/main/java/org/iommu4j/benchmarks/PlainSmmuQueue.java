package org.iommu4j.benchmarks;

import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.simulation.cache.TranslationCache;
import org.iommu4j.simulation.memory.SparseMemory;

/**
 * The least that executing page invalidations of an SMMU costs: one loop by hand over the same memory and the same cache, with
 * the checks that the architecture has for TLBI_NH_VA without a range. An entry goes by its VMID and ASID or as a global one,
 * out of the leaves and the tables of three granules. No registers, no other commands, no errors, no observers.
 */
final class PlainSmmuQueue {
    private static final long RING = 0x10_0000;
    private static final int ENTRIES = 256;
    private static final int GLOBAL = 1 << 16;
    private static final int OPCODES = 0xff;
    private static final int NH_VA = 0x12;
    private static final int SYNC = 0x46;

    /** NUM, SCALE and what is in no field. */
    private static final long WORD_0_CHECKED = 0xffff_ff00L;

    /** TTL, TG and what is in no field. */
    private static final long WORD_1_CHECKED = 0xffe;

    private final PhysicalMemory memory = new SparseMemory();
    private final TranslationCache[] leaves = new TranslationCache[3];
    private final TranslationCache[] tables = new TranslationCache[3];
    private int head;
    private int tail;

    /** A queue before a cache of so many pages. */
    PlainSmmuQueue(int pages) {
        for (int granule = 0; granule < leaves.length; granule++) {
            leaves[granule] = new TranslationCache(1 << 16);
            tables[granule] = new TranslationCache(1 << 13);
        }
        for (int page = 0; page < pages; page++) {
            long iova = BareSmmu.IOVA + page * BareSmmu.PAGE;
            leaves[0].insert(0x2A, 7, iova, 12, iova, 0);
            for (int shift = 21; shift <= 39; shift += 9) {
                tables[0].insert(0x2A, 7, iova & -1L << shift, shift, iova, 0);
            }
        }
    }

    /** Puts one command into the ring. */
    void put(long low, long high) {
        memory.writeLongLe(RING + (tail & (ENTRIES - 1)) * 16L, low);
        memory.writeLongLe(RING + (tail & (ENTRIES - 1)) * 16L + 8, high);
        tail++;
    }

    /** Executes everything; where it stands, or -1 at an illegal command. */
    int run() {
        while (head != tail) {
            long at = RING + (head & (ENTRIES - 1)) * 16L;
            long word0 = memory.readLongLe(at);
            long word1 = memory.readLongLe(at + 8);
            int opcode = (int) word0 & OPCODES;
            if (opcode == NH_VA) {
                if ((word0 & WORD_0_CHECKED) != 0 || (word1 & WORD_1_CHECKED) != 0) {
                    return -1;
                }
                invalidate((int) (word0 >>> 32) & 0xffff, (int) (word0 >>> 48), word1 & -BareSmmu.PAGE, word1 & 1);
            } else if (opcode != SYNC) {
                return -1;
            }
            head++;
        }
        return head;
    }

    private void invalidate(int vmid, int asid, long address, long leafOnly) {
        for (int granule = 0; granule < leaves.length; granule++) {
            invalidate(leaves[granule], vmid, asid, address);
            if (leafOnly == 0) {
                invalidate(tables[granule], vmid, asid, address);
            }
        }
    }

    private static void invalidate(TranslationCache cache, int vmid, int asid, long address) {
        if (cache.size() != 0) {
            cache.invalidatePage(vmid, asid, address);
            cache.invalidatePage(vmid, GLOBAL, address);
        }
    }
}
