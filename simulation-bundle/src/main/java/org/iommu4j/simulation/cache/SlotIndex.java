package org.iommu4j.simulation.cache;

import java.util.Arrays;

/**
 * A hash index from hashes to slots of a store: open addressing with linear probing, at most a quarter full, so
 * that a probe for what is absent mostly ends where it begins. An item has a few
 * bits of the hash, so that a probe looks into the store only for a slot that most likely matches, and is small, so that
 * the index stays in the processor's caches longer than the store does.
 */
abstract class SlotIndex {
    /** Enough for the slots of the largest cache. */
    private static final int SLOT_BITS = 22;

    private static final int SLOT_MASK = (1 << SLOT_BITS) - 1;
    private static final int NONE = -1;

    /** The lowest bits of the hash above those of the slot + 1; 0 is free. */
    private int[] items;

    private int mask;

    /** Leads from a hash to where probing starts: its highest bits, which multiplication mixes best. */
    private int shift;

    SlotIndex(int slots) {
        resize(slots);
    }

    /** The hash of what a slot holds. */
    abstract int hash(int slot);

    /** Empties the index and makes room for that many slots. */
    final void resize(int slots) {
        int wanted = Math.max(4, Integer.highestOneBit(Math.max(1, slots - 1)) << 3);
        if (items == null || items.length != wanted) {
            items = new int[wanted];
            mask = wanted - 1;
            shift = Integer.SIZE - Integer.numberOfTrailingZeros(wanted);
        } else {
            Arrays.fill(items, 0);
        }
    }

    final void add(int hash, int slot) {
        int at = hash >>> shift;
        while (items[at] != 0) {
            at = (at + 1) & mask;
        }
        items[at] = item(hash, slot);
    }

    /** False only if no slot with that hash is there. Short for the same reason as {@link #first}; looks at two places. */
    final boolean mayHave(int hash) {
        int at = hash >>> shift;
        int item = items[at];
        return item != 0 && (isCandidate(item, hash) || items[(at + 1) & mask] != 0);
    }

    /**
     * The first place where a slot with that hash may be, or -1. Short, so that it is compiled into its callers: most probes
     * end where they begin.
     */
    final int first(int hash) {
        int at = hash >>> shift;
        int item = items[at];
        return item == 0 ? NONE : isCandidate(item, hash) ? at : search(hash, (at + 1) & mask);
    }

    /** The place after {@code place} where a slot with that hash may be, or -1. */
    final int next(int hash, int place) {
        return search(hash, (place + 1) & mask);
    }

    /** The slot at a place. */
    final int slot(int place) {
        return (items[place] & SLOT_MASK) - 1;
    }

    /** Removes a slot; it must be there. */
    final void remove(int hash, int slot) {
        int item = item(hash, slot);
        int at = hash >>> shift;
        while (items[at] != item) {
            at = (at + 1) & mask;
        }
        removeAt(at);
    }

    /** Frees a place; the items after it close up, so that no markers are left. */
    final void removeAt(int place) {
        int[] table = items;
        int hole = place;
        int at = hole;
        while (true) {
            at = (at + 1) & mask;
            int item = table[at];
            if (item == 0) {
                table[hole] = 0;
                return;
            }
            int home = hash((item & SLOT_MASK) - 1) >>> shift;
            if (((at - home) & mask) >= ((at - hole) & mask)) {
                table[hole] = item;
                hole = at;
            }
        }
    }

    private static int item(int hash, int slot) {
        return (hash << SLOT_BITS) | (slot + 1);
    }

    private static boolean isCandidate(int item, int hash) {
        return (item ^ (hash << SLOT_BITS)) >>> SLOT_BITS == 0;
    }

    private int search(int hash, int from) {
        int[] table = items;
        int at = from;
        while (true) {
            int item = table[at];
            if (item == 0) {
                return NONE;
            }
            if (isCandidate(item, hash)) {
                return at;
            }
            at = (at + 1) & mask;
        }
    }
}
