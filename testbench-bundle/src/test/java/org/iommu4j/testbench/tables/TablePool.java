package org.iommu4j.testbench.tables;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.InterruptSink;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.contract.Errno;

/**
 * The machine as the software sees it that writes tables: a heap of pages for them, aligned to their size, of which it is known how
 * many are taken, and whose writes can be watched. What was given back is filled with ones, which lead everywhere, and handed out
 * again first.
 */
final class TablePool implements Platform {
    private static final int PAGE = 4096;
    private static final long FIRST = 1L << 32;

    private final Platform machine;
    private final PhysicalMemory raw;
    private final WatchedWrites memory;
    private final Map<Long, Integer> taken = new HashMap<>();
    private final Map<Integer, Deque<Long>> returned = new HashMap<>();
    private long next = FIRST;
    private int budget = Integer.MAX_VALUE;

    TablePool(Platform machine) {
        this.machine = machine;
        raw = machine.memory();
        memory = new WatchedWrites(raw);
    }

    /** Has {@code action} run after each write of the software; null for nothing. */
    void afterEachWrite(Runnable action) {
        memory.afterEach(action);
    }

    /** From now on so many blocks of pages can be taken. */
    void budget(int blocks) {
        budget = blocks;
    }

    /** Blocks of pages that are taken. */
    int taken() {
        return taken.size();
    }

    @Override
    public PhysicalMemory memory() {
        return memory;
    }

    @Override
    public InterruptSink interrupts() {
        return machine.interrupts();
    }

    @Override
    public DevicePort devices() {
        return machine.devices();
    }

    @Override
    public long nanoTime() {
        return machine.nanoTime();
    }

    @Override
    public int hostAddressWidth() {
        return machine.hostAddressWidth();
    }

    @Override
    public long allocatePages(int pages) {
        if (budget == 0) {
            throw new BackendException(Errno.ENOMEM, "the pool is used up");
        }
        budget--;
        Deque<Long> again = returned.getOrDefault(pages, new ArrayDeque<>());
        long block;
        if (again.isEmpty()) {
            long bytes = (long) Integer.highestOneBit(2 * pages - 1) * PAGE;
            block = (next + bytes - 1) & -bytes;
            next = block + bytes;
        } else {
            block = again.pop();
        }
        fill(block, pages, 0);
        taken.put(block, pages);
        return block;
    }

    private void fill(long block, int pages, long word) {
        for (long at = block; at < block + (long) pages * PAGE; at += Long.BYTES) {
            raw.writeLongLe(at, word);
        }
    }

    @Override
    public void freePages(long pa, int pages) {
        Integer size = taken.remove(pa);
        if (size == null || size != pages) {
            throw new AssertionError("pages were given back that were not taken: 0x" + Long.toHexString(pa));
        }
        fill(pa, pages, -1);
        returned.computeIfAbsent(pages, key -> new ArrayDeque<>()).push(pa);
    }
}
