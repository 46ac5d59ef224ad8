package org.iommu4j.testbench.tables;

import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.contract.Errno;

/** Writes tables of any shape. A table is filled before anything leads to it, and unlinked before its page is given back. */
final class PlainTables implements PageTables {
    private final TableShape shape;
    private final TableEntries entries;
    private final TablePool pool;
    private final PhysicalMemory memory;
    private final long root;
    private final List<Unlinked> unlinked = new ArrayList<>();

    private record Unlinked(long table, int level) {}

    PlainTables(TableShape shape, TableEntries entries, TablePool pool) {
        this.shape = shape;
        this.entries = entries;
        this.pool = pool;
        memory = pool.memory();
        root = newTable(top());
    }

    private int top() {
        return shape.levels() - 1;
    }

    private long newTable(int level) {
        long table = pool.allocatePages(shape.tablePages(level));
        long absent = entries.absent(level);
        if (absent != 0) {
            for (long index = 0; index < 1L << shape.indexBits().get(level); index++) {
                write(table + index * Long.BYTES, absent);
            }
        }
        return table;
    }

    private long read(long at) {
        return shape.order() == ByteOrder.BIG_ENDIAN ? memory.readLongBe(at) : memory.readLongLe(at);
    }

    private void write(long at, long entry) {
        if (shape.order() == ByteOrder.BIG_ENDIAN) {
            memory.writeLongBe(at, entry);
        } else {
            memory.writeLongLe(at, entry);
        }
    }

    @Override
    public long root() {
        return root;
    }

    @Override
    public void map(long iova, long pa, long bytes, int rights) {
        long first = shape.offset(iova);
        if (isMapped(first, first + bytes - 1)) {
            throw new BackendException(Errno.EEXIST, "something is mapped there");
        }
        long done = 0;
        try {
            while (done != bytes) {
                int level = shape.leafAt(first + done, pa + done, bytes - done);
                write(entryFor(first + done, level), entries.leaf(level, pa + done, rights));
                done += 1L << shape.shift(level);
            }
        } catch (BackendException e) {
            clear(root, top(), 0, first, first + bytes - 1);
            throw e;
        }
    }

    private long entryFor(long iova, int level) {
        long table = root;
        for (int above = top(); above > level; above--) {
            long at = table + shape.index(iova, above) * Long.BYTES;
            long entry = read(at);
            if (!entries.isPresent(above, entry)) {
                entry = entries.table(above, newTable(above - 1));
                write(at, entry);
            }
            table = entries.address(above, entry);
        }
        return table + shape.index(iova, level) * Long.BYTES;
    }

    private boolean isMapped(long first, long last) {
        long at = first;
        while (true) {
            int level = top();
            long table = root;
            long entry = read(table + shape.index(at, level) * Long.BYTES);
            while (entries.isPresent(level, entry) && level > 0 && entries.isTable(level, entry)) {
                table = entries.address(level, entry);
                level--;
                entry = read(table + shape.index(at, level) * Long.BYTES);
            }
            if (entries.isPresent(level, entry)) {
                return true;
            }
            long end = at | ((1L << shape.shift(level)) - 1);
            if (Long.compareUnsigned(end, last) >= 0) {
                return false;
            }
            at = end + 1;
        }
    }

    @Override
    public void unmap(long first, long last) {
        clear(root, top(), 0, shape.offset(first), shape.offset(last));
    }

    /** Clears what lies in a range; true if the table is empty then. */
    private boolean clear(long table, int level, long base, long first, long last) {
        int shift = shape.shift(level);
        long count = 1L << shape.indexBits().get(level);
        long from = Long.compareUnsigned(first, base) > 0 ? (first - base) >>> shift : 0;
        long to = Math.min(count - 1, (last - base) >>> shift);
        for (long index = from; index <= to; index++) {
            long at = table + index * Long.BYTES;
            long entry = read(at);
            if (!entries.isPresent(level, entry)) {
                continue;
            }
            if (level == 0 || !entries.isTable(level, entry)) {
                write(at, entries.absent(level));
            } else {
                long below = entries.address(level, entry);
                if (clear(below, level - 1, base + (index << shift), first, last)) {
                    write(at, entries.absent(level));
                    unlinked.add(new Unlinked(below, level - 1));
                }
            }
        }
        for (long index = 0; index < count; index++) {
            if (entries.isPresent(level, read(table + index * Long.BYTES))) {
                return false;
            }
        }
        return true;
    }

    @Override
    public void release() {
        unlinked.forEach(page -> pool.freePages(page.table(), shape.tablePages(page.level())));
        unlinked.clear();
    }

    @Override
    public void free() {
        clear(root, top(), 0, 0, -1L);
        release();
        pool.freePages(root, shape.tablePages(top()));
    }
}
