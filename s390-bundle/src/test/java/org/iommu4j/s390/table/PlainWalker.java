package org.iommu4j.s390.table;

import java.util.Map;

/**
 * A walk written from the text of docs/spec/s390-zpci.md 3.3 alone, with none of the code under test: numbers are typed
 * out, memory is a map.
 */
public final class PlainWalker {
    /**
     * Result of a walk.
     *
     * @param code event code, 0 if the address is mapped, -1 if an invalid entry ended it
     * @param target where the address goes
     * @param bytes of the entry at which it ended
     * @param writable false if an entry protects against writes
     */
    public record Result(int code, long target, long bytes, boolean writable) {}

    private static final long[] SPAN = {0x1000L, 0x10_0000L, 0x8000_0000L, 0x400_0000_0000L, 0x20_0000_0000_0000L};

    private final Map<Long, Long> memory;
    private final boolean largeFrames;

    public PlainWalker(Map<Long, Long> memory, boolean largeFrames) {
        this.memory = memory;
        this.largeFrames = largeFrames;
    }

    public Result walk(long iota, long address) {
        int type = (int) (iota % 32 / 4);
        if (type > 3) {
            return new Result(3, 0, 0, true);
        }
        int level = type + 1;
        if ((iota & 0x3000) != 0 || (iota & 0x1e0) != 0 || (iota & 0x500) != 0 || iota % 4 != 0) {
            return new Result(3, 0, SPAN[level], true);
        }
        if (level < 4 && Long.compareUnsigned(address, SPAN[level] * 2048) >= 0) {
            return new Result(8, 0, SPAN[level], true);
        }
        long table = iota >>> 14 << 14;
        boolean writable = true;
        while (true) {
            long index = Long.remainderUnsigned(Long.divideUnsigned(address, SPAN[level]), level == 0 ? 256 : 2048);
            long entry = memory.getOrDefault(table + index * 8, 0L);
            if (entry == 0) {
                return new Result(7, 0, SPAN[level], writable);
            }
            boolean invalid = (entry & (level == 0 ? 0x400 : 0x20)) != 0;
            if (invalid) {
                return new Result(-1, 0, SPAN[level], writable);
            }
            if (level > 0 && (entry & 0xc) / 4 != level - 1) {
                return new Result(9, 0, SPAN[level], writable);
            }
            if (level > 1 && ((entry & 3) != 3 || (entry & 0xc0) != 0)) {
                return new Result(8, 0, SPAN[level], writable);
            }
            boolean frame = level == 0 || (level == 1 && (entry & 0x400) != 0);
            if (level == 1 && frame && !largeFrames) {
                return new Result(9, 0, SPAN[level], writable);
            }
            writable = writable && (entry & 0x200) == 0;
            if (frame) {
                long offset = Long.remainderUnsigned(address, SPAN[level]);
                return new Result(
                        0, entry - Long.remainderUnsigned(entry, SPAN[level]) + offset, SPAN[level], writable);
            }
            table = level == 1 ? entry >>> 11 << 11 : entry >>> 14 << 14;
            level--;
        }
    }
}
