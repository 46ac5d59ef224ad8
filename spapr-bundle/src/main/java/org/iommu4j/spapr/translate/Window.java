package org.iommu4j.spapr.translate;

import java.util.Set;
import java.util.TreeSet;
import org.iommu4j.spapr.table.Tce;
import org.iommu4j.spapr.table.TceTable;

/** A window of a domain as its driver knows it. */
final class Window {
    private final TreeSet<Integer> names = new TreeSet<>();
    private int liobn;
    private long base;
    private int pageShift;
    private int windowShift;
    private int levels;
    private int levelShift;
    private long root;

    /** Says where it is. */
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
}
