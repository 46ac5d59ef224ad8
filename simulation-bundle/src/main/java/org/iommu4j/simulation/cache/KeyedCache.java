package org.iommu4j.simulation.cache;

import java.util.Arrays;
import org.iommu4j.backend.CacheConfig;

/**
 * A cache of what is found by a number: context, device-table and PASID-table entries. Each entry has a key, a tag that
 * selective removal may go by, and a few words. When it is full, entries go in the order of their places, round and round.
 *
 * <p>For one thread at a time. Nothing allocates once the cache has grown to what it is used for.
 */
public final class KeyedCache {
    /** No entry. */
    public static final int MISS = -1;

    private static final int MAX_CAPACITY = 1 << 21;
    private static final int FIRST_SLOTS = 16;
    private static final int NONE = -1;

    private static final int TAKEN = -2;

    private static final int TAG = 1;
    private static final int WORDS = 2;
    private static final long GOLDEN = 0x9E3779B97F4A7C15L;

    private final int capacity;

    /** Words of an entry: key, tag, and the caller's. */
    private final int stride;

    private long[] entries;

    /** For each slot: the next free slot if it is free, else {@link #TAKEN}. */
    private int[] next;

    private final SlotIndex index;
    private int highWater;
    private int freeSlot = NONE;
    private int hand;
    private int live;

    /**
     * An empty cache.
     *
     * @param capacity most entries; 0 for a cache that keeps nothing
     * @param words of each entry
     */
    public KeyedCache(int capacity, int words) {
        if (capacity < 0 || capacity > MAX_CAPACITY || words < 0 || words > 16) {
            throw new IllegalArgumentException(capacity + " entries of " + words + " words");
        }
        this.capacity = capacity;
        stride = WORDS + words;
        int slots = Math.min(capacity, FIRST_SLOTS);
        entries = new long[slots * stride];
        next = new int[slots];
        index = new Index(slots);
    }

    /**
     * An empty cache of the size that a configuration asks for.
     *
     * @param defaultEntries what a real part has
     * @param words of each entry
     */
    public static KeyedCache of(CacheConfig config, int defaultEntries, int words) {
        return new KeyedCache(CacheSize.entries(config, defaultEntries), words);
    }

    /** Most entries. */
    public int capacity() {
        return capacity;
    }

    /** Number of entries. */
    public int size() {
        return live;
    }

    /**
     * Finds an entry.
     *
     * @return a handle for the accessors, good until the next call that changes the cache; {@link #MISS} if there is none
     */
    public int lookup(long key) {
        if (live == 0) {
            return MISS;
        }
        int at = probe(key);
        return at < 0 ? MISS : index.slot(at);
    }

    /** The key of an entry. */
    public long key(int entry) {
        return entries[entry * stride];
    }

    /** The tag of an entry. */
    public long tag(int entry) {
        return entries[entry * stride + TAG];
    }

    /** A word of an entry. */
    public long word(int entry, int number) {
        return entries[entry * stride + WORDS + number];
    }

    /**
     * Adds an entry, in place of one with the same key if there is one.
     *
     * @param tag of the caller's choice, as a domain id
     * @param words are copied, as many as the cache has for an entry
     */
    public void insert(long key, long tag, long[] words) {
        if (words.length != stride - WORDS) {
            throw new IllegalArgumentException(words.length + " words in entries of " + (stride - WORDS));
        }
        if (capacity == 0) {
            return;
        }
        int slot = lookup(key);
        if (slot == MISS) {
            if (live == capacity) {
                evict();
            }
            slot = takeSlot();
            index.add(hash(key), slot);
            live++;
        }
        int at = slot * stride;
        entries[at] = key;
        entries[at + TAG] = tag;
        System.arraycopy(words, 0, entries, at + WORDS, words.length);
    }

    /**
     * Drops the entry of a key.
     *
     * @return how many, 0 or 1
     */
    public int invalidate(long key) {
        int at = probe(key);
        if (at < 0) {
            return 0;
        }
        int slot = index.slot(at);
        index.removeAt(at);
        free(slot);
        return 1;
    }

    /**
     * Drops every entry whose key and tag agree with what is given in the bits of the masks. Looks at each entry.
     *
     * @return how many
     */
    public int invalidateMatching(long keyMask, long key, long tagMask, long tag) {
        int before = live;
        for (int slot = 0; slot < highWater; slot++) {
            if (next[slot] == TAKEN && ((key(slot) ^ key) & keyMask) == 0 && ((tag(slot) ^ tag) & tagMask) == 0) {
                remove(slot);
            }
        }
        return before - live;
    }

    /**
     * Drops everything.
     *
     * @return how many
     */
    public int invalidateAll() {
        return invalidateMatching(0, 0, 0, 0);
    }

    /** Shows every entry, in the order of their places. The visitor must not change the cache. */
    public void visit(KeyedVisitor visitor) {
        for (int slot = 0; slot < highWater; slot++) {
            if (next[slot] == TAKEN) {
                visitor.entry(slot);
            }
        }
    }

    private static int hash(long key) {
        return (int) ((key * GOLDEN) >>> Integer.SIZE);
    }

    /** The index of a key, or a negative number if it is not there. */
    private int probe(long key) {
        int hash = hash(key);
        int at = index.first(hash);
        while (at >= 0 && key(index.slot(at)) != key) {
            at = index.next(hash, at);
        }
        return at;
    }

    private void remove(int slot) {
        index.remove(hash(key(slot)), slot);
        free(slot);
    }

    private void free(int slot) {
        next[slot] = freeSlot;
        freeSlot = slot;
        live--;
    }

    private void evict() {
        while (true) {
            int slot = hand;
            hand = hand + 1 == highWater ? 0 : hand + 1;
            if (next[slot] == TAKEN) {
                remove(slot);
                return;
            }
        }
    }

    private int takeSlot() {
        int slot = freeSlot;
        if (slot != NONE) {
            freeSlot = next[slot];
        } else {
            if (highWater == next.length) {
                grow();
            }
            slot = highWater++;
        }
        next[slot] = TAKEN;
        return slot;
    }

    private void grow() {
        int slots = Math.min(capacity, 2 * next.length);
        entries = Arrays.copyOf(entries, slots * stride);
        next = Arrays.copyOf(next, slots);
        index.resize(slots);
        for (int slot = 0; slot < highWater; slot++) {
            index.add(hash(key(slot)), slot);
        }
    }

    /** Finds slots by key. */
    private final class Index extends SlotIndex {
        Index(int slots) {
            super(slots);
        }

        @Override
        int hash(int slot) {
            return KeyedCache.hash(key(slot));
        }
    }
}
