package org.iommu4j.spapr.translate;

import java.util.Set;
import java.util.TreeSet;
import org.iommu4j.driver.bind.BindPart;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;
import org.iommu4j.spapr.command.BindPgtable;
import org.iommu4j.spapr.table.Tce;
import org.iommu4j.spapr.table.TceTable;

/** A window of a domain as its driver knows it. */
final class Window {
    /** Most names that a saved state may have of a window. */
    private static final int MAX_NAMES = 1 << 17;

    private final TreeSet<Integer> names = new TreeSet<>();
    private int liobn;
    private long base;
    private int pageShift;
    private int windowShift;
    private int levels;
    private int levelShift;
    private long root;

    /** The window that the vendor part of a bind names, whose geometry is possible. */
    static Window of(BindPart part) {
        return new Window()
                .place(
                        part.getInt(BindPgtable.REQUESTER),
                        part.get(BindPgtable.BASE),
                        part.getInt(BindPgtable.PAGE_SHIFT),
                        part.getInt(BindPgtable.WINDOW_SHIFT))
                .table(
                        part.getInt(BindPgtable.LEVELS),
                        part.getInt(BindPgtable.LEVEL_SHIFT),
                        part.get(BindPgtable.TABLE_ROOT));
    }

    /** Sets name and place. */
    Window place(int newLiobn, long newBase, int newPageShift, int newWindowShift) {
        liobn = newLiobn;
        base = newBase;
        pageShift = newPageShift;
        windowShift = newWindowShift;
        return this;
    }

    /**
     * Says what is behind it.
     *
     * @param newLevelShift log2 of the bytes of a level; 0: by the rule of docs/spec/spapr-tce.md 3.4
     */
    Window table(int newLevels, int newLevelShift, long newRoot) {
        levels = newLevels;
        levelShift = newLevelShift == 0
                ? TceTable.defaultLevelBits(windowShift, pageShift, newLevels) + Tce.SHIFT
                : newLevelShift;
        root = newRoot;
        return this;
    }

    /** The requesters under whose name it is bound; it goes when the last of them goes. */
    Set<Integer> names() {
        return names;
    }

    int liobn() {
        return liobn;
    }

    long base() {
        return base;
    }

    int pageShift() {
        return pageShift;
    }

    int windowShift() {
        return windowShift;
    }

    int levels() {
        return levels;
    }

    /** log2 of the bytes of a level. */
    int levelShift() {
        return levelShift;
    }

    long root() {
        return root;
    }

    /** Number of its pages. */
    long entries() {
        return 1L << (windowShift - pageShift);
    }

    /** True if an address is in it. */
    boolean contains(long iova) {
        return (iova - base) >>> windowShift == 0;
    }

    /** The first address of the page that holds one. */
    long pageOf(long iova) {
        return iova & -1L << pageShift;
    }

    /** Last address. */
    long last() {
        return base + (1L << windowShift) - 1;
    }

    /** True if it is that window with that table; LIOBN and names do not count. */
    boolean is(Window other) {
        return base == other.base
                && pageShift == other.pageShift
                && windowShift == other.windowShift
                && levels == other.levels
                && levelShift == other.levelShift
                && root == other.root;
    }

    /** Writes what it is, and its names. */
    void save(SnapshotWriter out) {
        out.putInt(liobn)
                .putLong(base)
                .putInt(pageShift)
                .putInt(windowShift)
                .putInt(levels)
                .putInt(levelShift)
                .putLong(root)
                .putInt(names.size());
        names.forEach(out::putInt);
    }

    /** Reads what {@link #save} wrote. */
    static Window load(SnapshotReader in) {
        int liobn = in.getInt();
        long base = in.getLong();
        int pageShift = in.getIndex(Long.SIZE, "page shift");
        int windowShift = in.getIndex(Long.SIZE, "window shift");
        int levels = in.getInt();
        int levelShift = in.getInt();
        if (!TceTable.isPossible(windowShift, pageShift, levels, levelShift - Tce.SHIFT)) {
            throw in.invalid("window of LIOBN 0x" + Integer.toHexString(liobn));
        }
        Window window = new Window().place(liobn, base, pageShift, windowShift).table(levels, levelShift, in.getLong());
        int count = in.getCount(MAX_NAMES);
        for (int i = 0; i < count; i++) {
            int requester = in.getInt();
            if (requester >= Bindings.REQUESTERS) {
                throw in.invalid("requester " + requester);
            }
            window.names.add(requester);
        }
        return window;
    }
}
