package org.iommu4j.spapr.hypervisor;

import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.Platform;
import org.iommu4j.contract.Errno;
import org.iommu4j.spapr.table.Tce;
import org.iommu4j.spapr.table.TceTable;

/**
 * Tables in pages of the host. A small one has one level; of a larger one only the top level is there at first, and the levels
 * below come with the first entry that needs them, as Linux does it (sheet 3.4). So a window of terabytes takes what is used of
 * it.
 */
public final class HostTable {
    /** Most index bits of a level that a window is given: 8 MiB. */
    private static final int MOST_LEVEL_BITS = 20;

    private static final int PAGE_SHIFT = 12;

    private HostTable() {}

    /** How many levels a window's table has, on a platform with so many. */
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

    /**
     * An empty table.
     *
     * @throws BackendException {@code ENOMEM} if the host has no room for its top level
     */
    public static TceTable allocate(Platform machine, int windowShift, int pageShift, int levels) {
        int levelBits = TceTable.defaultLevelBits(windowShift, pageShift, levels);
        long root = machine.allocatePages(pages(levelBits));
        return new TceTable(root, pageShift, levels, levelBits, 1L << (windowShift - pageShift));
    }

    private static int pages(int levelBits) {
        long pages = 1L << (levelBits + Tce.SHIFT - PAGE_SHIFT);
        if (pages > Integer.MAX_VALUE) {
            throw new BackendException(Errno.ENOMEM, "a level of " + pages + " pages");
        }
        return (int) pages;
    }

    /**
     * Adds the levels that lead to an entry, where they are absent.
     *
     * @throws BackendException {@code ENOMEM} if the host has no room for one of them
     * @throws BusErrorException if a level is not memory
     */
    static void extend(Platform machine, TceTable table, long offset) {
        long at = table.root();
        for (int level = table.levels() - 1; level > 0; level--) {
            long place = table.entryAt(at, offset, level);
            long entry = machine.memory().readLongBe(place);
            if (!Tce.isValid(entry)) {
                entry = machine.allocatePages(pages(table.levelBits())) | Tce.CONTROL;
                machine.memory().writeLongBe(place, entry);
            }
            at = Tce.RPN.get(entry);
        }
    }

    /** Gives all of a table back. */
    public static void free(Platform machine, TceTable table) {
        free(machine, table, table.root(), table.levels() - 1);
    }

    private static void free(Platform machine, TceTable table, long at, int level) {
        for (long place = at; level > 0 && place < at + table.levelBytes(); place += Tce.BYTES) {
            long entry = machine.memory().readLongBe(place);
            if (Tce.isValid(entry)) {
                free(machine, table, Tce.RPN.get(entry), level - 1);
            }
        }
        machine.freePages(at, pages(table.levelBits()));
    }
}
