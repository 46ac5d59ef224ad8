package org.iommu4j.simulation.cache;

import java.util.Arrays;

/**
 * Tells which pages of an address space may be cached, so that dropping a range need not ask for each of its pages. A tree
 * of 64-way nodes for each space and page size, as high as the pages in it need; the nodes of all trees lie in one hash
 * table and are reached from any level.
 *
 * <p>It holds at least the pages that are cached. A page that leaves the cache alone stays marked; draining a range over
 * it later takes the mark away, so that each mark, which an insertion paid for, costs once. What is left over goes when
 * the owner rebuilds.
 */
final class PagePresence {
    /** Is given the pages of a range. */
    interface Sink {
        /** A page that may be cached; the presence must not be changed by this. */
        void page(long page);
    }

    private static final long GOLDEN = 0x9E3779B97F4A7C15L;
    private static final long SPACE_MIX = 0xC2B2AE3D27D4EB4FL;

    /** log2 of the children of a node. */
    private static final int FAN_SHIFT = 6;

    private static final int FAN_MASK = (1 << FAN_SHIFT) - 1;

    /** Words of a node: place in the tree, space + 1 or 0 if free, a bit for each child. */
    private static final int STRIDE = 3;

    private static final int SPACE = 1;
    private static final int BITS = 2;

    /** Takes the place of the level in the record of a tree's root, whose bits are the root's level and prefix. */
    private static final int ROOT = 15;

    private static final int LEVEL_POSITION = 52;
    private static final int SHIFT_POSITION = 56;

    /** Most nodes that a page adds: one for each level over the 52-bit numbers of the smallest pages, twice, and a root. */
    private static final int MAX_ADDED = 2 * 9 + 1;

    private long[] nodes;
    private int used;
    private int mask;
    private int hashShift;

    PagePresence(int slots) {
        reset(slots);
    }

    /** Number of nodes that there is space for; up to 5/8 of it are used. */
    int slots() {
        return mask + 1;
    }

    /** Number of nodes in use. */
    int used() {
        return used;
    }

    /** Marks every page as absent. */
    void reset(int slots) {
        if (nodes == null || nodes.length != slots * STRIDE) {
            nodes = new long[slots * STRIDE];
            mask = slots - 1;
            hashShift = Long.SIZE - Integer.numberOfTrailingZeros(slots);
        } else {
            Arrays.fill(nodes, 0);
        }
        used = 0;
    }

    /**
     * Marks a page.
     *
     * @param shift log2 of the page's size
     * @param page address of the page, shifted right by that
     * @return false, and nothing is changed, if there is no room
     */
    boolean add(int space, int shift, long page) {
        long leaf = page >>> FAN_SHIFT;
        int at = place(key(0, shift, leaf), space);
        if (nodes[at + SPACE] != 0) {
            // A node that exists is marked in its parent, up to the root.
            nodes[at + BITS] |= 1L << page;
            return true;
        }
        if (used + MAX_ADDED > slots() / 8 * 5) {
            return false;
        }
        int rootLevel = raiseRoot(space, shift, leaf);
        long index = page;
        for (int level = 0; level <= rootLevel && !mark(space, shift, level, index); level++) {
            index >>>= FAN_SHIFT;
        }
        return true;
    }

    /** Makes the tree high enough for a leaf; the level of its root. */
    private int raiseRoot(int space, int shift, long leaf) {
        int record = place(key(ROOT, shift, 0), space);
        if (nodes[record + SPACE] == 0) {
            create(record, key(ROOT, shift, 0), space, root(0, leaf));
            return 0;
        }
        int level = rootLevel(nodes[record + BITS]);
        long prefix = rootPrefix(nodes[record + BITS]);
        if (leaf >>> (FAN_SHIFT * level) != prefix) {
            do {
                mark(space, shift, ++level, prefix);
                prefix >>>= FAN_SHIFT;
            } while (leaf >>> (FAN_SHIFT * level) != prefix);
            nodes[place(key(ROOT, shift, 0), space) + BITS] = root(level, prefix);
        }
        return level;
    }

    /** Marks a child in its node; true if the node was there. */
    private boolean mark(int space, int shift, int level, long child) {
        long key = key(level, shift, child >>> FAN_SHIFT);
        int at = place(key, space);
        if (nodes[at + SPACE] != 0) {
            nodes[at + BITS] |= 1L << child;
            return true;
        }
        create(at, key, space, 1L << child);
        return false;
    }

    private void create(int at, long key, int space, long bits) {
        nodes[at] = key;
        nodes[at + SPACE] = space + 1L;
        nodes[at + BITS] = bits;
        used++;
    }

    /**
     * Gives {@code sink} every marked page of a range and takes the marks away.
     *
     * @param shift log2 of the pages' size
     * @param first page
     * @param last page, not before the first
     */
    void drain(int space, int shift, long first, long last, Sink sink) {
        // The lowest node that covers the range: neighbours differ in few low bits.
        int differing = Long.SIZE - Long.numberOfLeadingZeros(first ^ last);
        int level = Math.max(0, differing - 1) / FAN_SHIFT;
        long prefix = first >>> (FAN_SHIFT * (level + 1));
        if (nodes[place(key(level, shift, prefix), space) + SPACE] == 0) {
            // Nothing is there, or the range covers more than the tree.
            int record = place(key(ROOT, shift, 0), space);
            int rootLevel = rootLevel(nodes[record + BITS]);
            long rootPrefix = rootPrefix(nodes[record + BITS]);
            boolean covered = nodes[record + SPACE] != 0
                    && rootLevel < level
                    && rootPrefix >>> (FAN_SHIFT * (level - rootLevel)) == prefix
                    && first >>> (FAN_SHIFT * (rootLevel + 1)) <= rootPrefix
                    && last >>> (FAN_SHIFT * (rootLevel + 1)) >= rootPrefix;
            if (!covered) {
                return;
            }
            level = rootLevel;
            prefix = rootPrefix;
        }
        drain(space, shift, level, prefix, first, last, sink);
    }

    /** Drains what is under one node, which exists; true if nothing is left. The node itself stays. */
    private boolean drain(int space, int shift, int level, long prefix, long first, long last, Sink sink) {
        long key = key(level, shift, prefix);
        int at = place(key, space);
        long from = first >>> (FAN_SHIFT * level);
        long to = last >>> (FAN_SHIFT * level);
        long bits = nodes[at + BITS];
        if (from >>> FAN_SHIFT == prefix) {
            bits &= -1L << from;
        }
        if (to >>> FAN_SHIFT == prefix) {
            bits &= -1L >>> (FAN_MASK - (to & FAN_MASK));
        }
        long gone = 0;
        while (bits != 0) {
            long bit = Long.lowestOneBit(bits);
            long child = (prefix << FAN_SHIFT) | Long.numberOfTrailingZeros(bit);
            bits ^= bit;
            if (level == 0) {
                sink.page(child);
                gone |= bit;
            } else if (drainChild(space, shift, level - 1, child, first, last, sink)) {
                gone |= bit;
            }
        }
        if (level > 0) {
            at = place(key, space);
        }
        nodes[at + BITS] &= ~gone;
        return nodes[at + BITS] == 0;
    }

    /** Drains a marked node; true if it is gone, or was not there. */
    private boolean drainChild(int space, int shift, int level, long prefix, long first, long last, Sink sink) {
        long key = key(level, shift, prefix);
        if (nodes[place(key, space) + SPACE] == 0) {
            return true;
        }
        if (!drain(space, shift, level, prefix, first, last, sink)) {
            return false;
        }
        removeAt(place(key, space));
        return true;
    }

    private static long root(int level, long prefix) {
        return ((long) level << LEVEL_POSITION) | prefix;
    }

    private static int rootLevel(long bits) {
        return (int) (bits >>> LEVEL_POSITION);
    }

    private static long rootPrefix(long bits) {
        return bits & ((1L << LEVEL_POSITION) - 1);
    }

    private static long key(int level, int shift, long prefix) {
        return ((long) shift << SHIFT_POSITION) | ((long) level << LEVEL_POSITION) | prefix;
    }

    private int home(long key, long spacePlusOne) {
        return (int) (((key ^ (spacePlusOne * SPACE_MIX)) * GOLDEN) >>> hashShift);
    }

    /** The index of the node, or of the free place where it would be. */
    private int place(long key, int space) {
        int slot = home(key, space + 1L);
        while (true) {
            int at = slot * STRIDE;
            if (nodes[at + SPACE] == 0 || (nodes[at] == key && nodes[at + SPACE] == space + 1L)) {
                return at;
            }
            slot = (slot + 1) & mask;
        }
    }

    private void removeAt(int place) {
        used--;
        int hole = place / STRIDE;
        int slot = hole;
        while (true) {
            slot = (slot + 1) & mask;
            int at = slot * STRIDE;
            if (nodes[at + SPACE] == 0) {
                nodes[hole * STRIDE + SPACE] = 0;
                return;
            }
            if (((slot - home(nodes[at], nodes[at + SPACE])) & mask) >= ((slot - hole) & mask)) {
                System.arraycopy(nodes, at, nodes, hole * STRIDE, STRIDE);
                hole = slot;
            }
        }
    }
}
