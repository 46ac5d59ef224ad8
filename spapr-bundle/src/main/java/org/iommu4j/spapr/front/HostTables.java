package org.iommu4j.spapr.front;

import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.Platform;
import org.iommu4j.contract.Errno;
import org.iommu4j.spapr.table.Tce;
import org.iommu4j.spapr.table.TceTable;

/**
 * A hypervisor's tables, in pages of the host that no partition may reach. A small table has one level; of a larger one
 * only the top level is there at first, and the levels below come with the first entry that needs them, as Linux does
 * it (docs/spec/spapr-tce.md 3.4). So a window of terabytes takes what is used of it.
 */
public final class HostTables {
    /** Most index bits of a level that a window is given: 8 MiB. */
    private static final int MOST_LEVEL_BITS = 20;

    private static final int PAGE_SHIFT = 12;

    private final Platform machine;

    /** End addresses of the levels, by their first addresses. */
    private final TreeMap<Long, Long> levels = new TreeMap<>();

    /** The lowest address of a level: most of what is asked for is below. */
    private long floor = Long.MAX_VALUE;

    /** No tables. */
    public HostTables(Platform machine) {
        this.machine = machine;
    }

    /** Number of levels of a window's table, at most those of the platform. */
    public static int levels(int windowShift, int pageShift, int maxLevels) {
        int levels = (windowShift - pageShift + MOST_LEVEL_BITS - 1) / MOST_LEVEL_BITS;
        return Math.max(1, Math.min(maxLevels, levels));
    }

    /** True if there can be a table for such a window. */
    public static boolean isPossible(int windowShift, int pageShift, int maxLevels) {
        int levels = levels(windowShift, pageShift, maxLevels);
        return TceTable.isPossible(
                windowShift, pageShift, levels, TceTable.defaultLevelBits(windowShift, pageShift, levels));
    }

    /** True if an address is in one of these tables. */
    public boolean isOwn(long pa) {
        return overlap(pa, 1);
    }

    /** True if a table shares a byte with {@code length} bytes at {@code pa}. */
    boolean overlap(long pa, long length) {
        if (pa + length <= floor) {
            return false;
        }
        Map.Entry<Long, Long> before = levels.lowerEntry(pa + length);
        return before != null && before.getValue() > pa;
    }

    /**
     * An empty table.
     *
     * @throws BackendException {@code ENOMEM} if the host has no room for its top level
     */
    public TceTable allocate(int windowShift, int pageShift, int ofLevels) {
        int levelBits = TceTable.defaultLevelBits(windowShift, pageShift, ofLevels);
        return new TceTable(addLevel(levelBits), pageShift, ofLevels, levelBits, 1L << (windowShift - pageShift));
    }

    /**
     * Adds the levels that lead to an entry, where they are absent.
     *
     * @throws BackendException {@code ENOMEM} if the host has no room for one of them
     * @throws BusErrorException if a level is not memory
     */
    void extend(TceTable table, long offset) {
        long at = table.root();
        for (int level = table.levels() - 1; level > 0; level--) {
            long place = table.entryAt(at, offset, level);
            long entry = machine.memory().readLongBe(place);
            if (!Tce.isValid(entry)) {
                entry = addLevel(table.levelBits()) | Tce.CONTROL;
                machine.memory().writeLongBe(place, entry);
            }
            at = Tce.RPN.get(entry);
        }
    }

    /** Gives all of a table back. */
    public void free(TceTable table) {
        free(table, table.root(), table.levels() - 1);
        floor = levels.isEmpty() ? Long.MAX_VALUE : levels.firstKey();
    }

    private void free(TceTable table, long at, int level) {
        for (long place = at; level > 0 && place < at + table.levelBytes(); place += Tce.BYTES) {
            long entry = machine.memory().readLongBe(place);
            if (Tce.isValid(entry)) {
                free(table, Tce.RPN.get(entry), level - 1);
            }
        }
        machine.freePages(at, pages(table.levelBits()));
        levels.remove(at);
    }

    /**
     * A table that was allocated before a swap.
     *
     * @throws BackendException {@code EINVAL} if it cannot be one
     */
    public void restored(TceTable table) {
        try {
            restored(table, table.root(), table.levels() - 1);
        } catch (BusErrorException e) {
            throw new BackendException(Errno.EINVAL, "damaged state: a table where there is no memory", e);
        }
    }

    private void restored(TceTable table, long at, int level) {
        if (levels.containsKey(at)) {
            throw new BackendException(Errno.EINVAL, "damaged state: two levels at 0x" + Long.toHexString(at));
        }
        note(at, table.levelBits());
        for (long place = at; level > 0 && place < at + table.levelBytes(); place += Tce.BYTES) {
            long entry = machine.memory().readLongBe(place);
            if (Tce.isValid(entry)) {
                restored(table, Tce.RPN.get(entry), level - 1);
            }
        }
    }

    private long addLevel(int levelBits) {
        long at = machine.allocatePages(pages(levelBits));
        note(at, levelBits);
        return at;
    }

    private void note(long at, int levelBits) {
        levels.put(at, at + ((long) pages(levelBits) << PAGE_SHIFT));
        floor = levels.firstKey();
    }

    private static int pages(int levelBits) {
        long pages = 1L << (levelBits + Tce.SHIFT - PAGE_SHIFT);
        if (pages > Integer.MAX_VALUE) {
            throw new BackendException(Errno.ENOMEM, "a level of " + pages + " pages");
        }
        return (int) pages;
    }
}
