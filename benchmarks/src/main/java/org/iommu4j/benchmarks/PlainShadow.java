package org.iommu4j.benchmarks;

import org.iommu4j.backend.PhysicalMemory;

/**
 * What a refresh of shadow tables costs at least: three-level big-endian tables are walked and the pages put into an open hash table,
 * by hand, for one function, with no check of anything that cannot happen here.
 */
final class PlainShadow {
    private static final int SLOTS = 1 << 16;
    private static final long PAGE = 4096;

    private final PhysicalMemory memory;
    private final long root;
    private final long[] pages = new long[SLOTS];
    private final long[] frames = new long[SLOTS];

    PlainShadow(PhysicalMemory memory, long root) {
        this.memory = memory;
        this.root = root;
    }

    /** Reads the pages of a range anew. */
    int refresh(long start, long length) {
        int mapped = 0;
        long table = 0;
        for (long at = start; at < start + length; at += PAGE) {
            if (table == 0 || (at >>> 12 & 0xff) == 0) {
                long region = memory.readLongBe(root + (at >>> 31 & 0x7ff) * 8);
                long segment = memory.readLongBe((region & -0x4000L) + (at >>> 20 & 0x7ff) * 8);
                table = segment & -0x800L;
            }
            long entry = memory.readLongBe(table + (at >>> 12 & 0xff) * 8);
            int slot = slot(at);
            if ((entry & 0x400) != 0) {
                pages[slot] = 0;
            } else {
                pages[slot] = at;
                frames[slot] = entry;
                mapped++;
            }
        }
        return mapped;
    }

    /** Where a page goes; 0 if it is not known. */
    long lookup(long iova) {
        int slot = slot(iova & -PAGE);
        return pages[slot] == (iova & -PAGE) ? (frames[slot] & -PAGE) | (iova & (PAGE - 1)) : 0;
    }

    /** Where a page goes as the tables say now. */
    long walk(long iova) {
        long region = memory.readLongBe(root + (iova >>> 31 & 0x7ff) * 8);
        long segment = memory.readLongBe((region & -0x4000L) + (iova >>> 20 & 0x7ff) * 8);
        long entry = memory.readLongBe((segment & -0x800L) + (iova >>> 12 & 0xff) * 8);
        return (entry & -PAGE) | (iova & (PAGE - 1));
    }

    private int slot(long page) {
        int slot = ((int) (page >>> 12) * 0x9E3779B1) >>> 16;
        while (pages[slot] != 0 && pages[slot] != page) {
            slot = (slot + 1) & (SLOTS - 1);
        }
        return slot;
    }
}
