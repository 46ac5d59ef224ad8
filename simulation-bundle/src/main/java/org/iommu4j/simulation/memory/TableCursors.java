package org.iommu4j.simulation.memory;

import org.iommu4j.backend.PhysicalMemory;

/**
 * A way into memory for who walks tables of several levels. Successive walks mostly go through the same tables above the last level,
 * so that each of those levels has a {@link PageCursor}; tables of the last level are many, and looked up at each access.
 *
 * <p>For one thread at a time. Allocates nothing.
 */
public final class TableCursors {
    private final PhysicalMemory memory;
    private final PageCursor[] upper;

    /**
     * Cursors without pages.
     *
     * @param levels of the tables, at least 1
     */
    public TableCursors(PhysicalMemory memory, int levels) {
        this.memory = memory;
        upper = new PageCursor[levels - 1];
        for (int level = 0; level < upper.length; level++) {
            upper[level] = new PageCursor(memory);
        }
    }

    /**
     * As {@link PhysicalMemory#readLongLe}.
     *
     * @param height of the table above the last level, 0 for the last
     */
    public long readLongLe(int height, long pa) {
        return height == 0 ? memory.readLongLe(pa) : upper[height - 1].readLongLe(pa);
    }

    /**
     * As {@link PhysicalMemory#readLongBe}.
     *
     * @param height of the table above the last level, 0 for the last
     */
    public long readLongBe(int height, long pa) {
        return height == 0 ? memory.readLongBe(pa) : upper[height - 1].readLongBe(pa);
    }

    /** The memory itself. */
    public PhysicalMemory memory() {
        return memory;
    }
}
