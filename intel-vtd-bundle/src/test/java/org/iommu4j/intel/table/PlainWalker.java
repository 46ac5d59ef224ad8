package org.iommu4j.intel.table;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A second-stage walk written from the text of the architecture alone, with none of the code under test: numbers are typed
 * out, memory is a map, the levels of a walk are first collected and then judged.
 */
final class PlainWalker {
    /** Result of a walk: a fault code, or 0 with a page. */
    record Result(int fault, long page, long bytes, int rights) {}

    private final Map<Long, Long> memory;
    private final long memoryEnd;
    private final int hostBits;
    private final boolean twoMegabytes;
    private final boolean oneGigabyte;
    private final boolean snoop;

    PlainWalker(Map<Long, Long> memory, long memoryEnd, int hostBits, int sps, boolean snoop) {
        this.memory = memory;
        this.memoryEnd = memoryEnd;
        this.hostBits = hostBits;
        twoMegabytes = sps == 1 || sps == 3;
        oneGigabyte = sps == 2 || sps == 3;
        this.snoop = snoop;
    }

    Result walk(long table, int levels, long iova, boolean read, boolean write) {
        boolean mayRead = true;
        boolean mayWrite = true;
        List<Long> seen = new ArrayList<>();
        for (int level = levels; ; level--) {
            long divisor = 4096;
            for (int i = 1; i < level; i++) {
                divisor *= 512;
            }
            long at = table + Long.remainderUnsigned(Long.divideUnsigned(iova, divisor), 512) * 8;
            if (at >= memoryEnd) {
                return new Result(seen.isEmpty() ? 3 : 7, 0, 0, 0);
            }
            long entry = memory.getOrDefault(at, 0L);
            seen.add(entry);
            boolean entryReads = entry % 2 != 0;
            boolean entryWrites = (entry & 2) == 2;
            if (write && !entryWrites) {
                return new Result(5, 0, 0, 0);
            }
            if (read && !entryReads) {
                return new Result(6, 0, 0, 0);
            }
            mayRead &= entryReads;
            mayWrite &= entryWrites;
            boolean pageSize = (entry & 0x80) != 0;
            boolean leaf = level == 1 || (pageSize && ((level == 2 && twoMegabytes) || (level == 3 && oneGigabyte)));
            if (hasReservedBits(entry, level, leaf)) {
                return new Result(0xC, 0, 0, 0);
            }
            long address = entry & 0x000f_ffff_ffff_f000L;
            if (leaf) {
                return new Result(0, address, divisor, (mayRead ? 1 : 0) + (mayWrite ? 2 : 0));
            }
            table = address;
        }
    }

    private boolean hasReservedBits(long entry, int level, boolean leaf) {
        for (int bit = hostBits; bit < 52; bit++) {
            if ((entry >>> bit & 1) == 1) {
                return true;
            }
        }
        boolean snoopBit = (entry & 0x800) != 0;
        if ((entry & 0x4000_0000_0000_0000L) != 0) {
            return true;
        }
        if (!leaf) {
            return snoopBit || (entry & 0x80) != 0;
        }
        if (snoopBit && !snoop) {
            return true;
        }
        return (level == 2 && (entry & 0x1f_f000) != 0) || (level == 3 && (entry & 0x3fff_f000) != 0);
    }
}
