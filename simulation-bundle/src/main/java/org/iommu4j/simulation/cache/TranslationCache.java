package org.iommu4j.simulation.cache;

import java.util.Arrays;
import org.iommu4j.backend.CacheConfig;

/**
 * A cache of translations, keyed by domain, PASID and address: an IOTLB, or a paging-structure cache, whose entries cover
 * the range of a table entry. Pages of every power-of-two size may be in it at a time.
 *
 * <p>A page is dropped by invalidations of any range that it shares a byte with, whichever of the two is larger. Dropping
 * a range costs by the pages that came into it since it was last dropped, not by its length nor by what the cache holds.
 * Dropping a whole address space, or everything, costs the same as dropping a page, however many entries there are: they
 * stay where they are and can no longer be found. When the cache is full, entries are replaced in the order of their slots,
 * round and round.
 *
 * <p>For one thread at a time. Nothing allocates once the cache has grown to its working size.
 *
 * <p>The class is long because slots, spaces and eras are one data structure whose invariants every method keeps, and since
 * lookups and invalidations are hot paths: parts of their own would be calls and fields more on each of them.
 */
public final class TranslationCache {
    /** The PASID tag of entries for requests without a PASID. */
    public static final int NO_PASID = -1;

    /** No entry. */
    public static final int MISS = -1;

    private static final int MIN_PAGE_SHIFT = 12;
    private static final int MAX_CAPACITY = 1 << 21;

    /** Words of an entry: page and its shift; space and attributes; value. A free one: {@link #FREE}; next free one. */
    private static final int STRIDE = 3;

    private static final int OWNER = 1;
    private static final int VALUE = 2;
    private static final long FREE = -1;
    private static final int NONE = -1;

    /** Era of a space that was dropped. */
    private static final long GONE = 0;

    /** Most pages of a range that are looked up one by one rather than through {@link PagePresence}. */
    private static final int PROBE_PAGES = 4;

    private static final int FIRST_SLOTS = 64;
    private static final int FIRST_NODES = 64;

    private static final long GOLDEN = 0x9E3779B97F4A7C15L;
    private static final long SPACE_MIX = 0xC2B2AE3D27D4EB4FL;

    // Fields that every invalidation reads stand together, so that one that drops everything finds them in the
    // processor's
    // caches after one that dropped a page.

    /** The era of the spaces that can be found. Dropping everything begins another; spaces of an earlier era are dropped. */
    private long era = 1;

    private int live;
    private int stale;

    /** The space that was used last, which may have been dropped since, or null. */
    private Space recent;

    private RemovalListener listener;
    private final SlotIndex index;

    private final int capacity;

    /** Most slots: some more than entries, so that those which can no longer be found are swept away many at a time. */
    private final int maxSlots;

    private long[] entries;
    private int highWater;
    private int freeSlot = NONE;
    private int hand;

    /** Tells where in a range there are pages. It is brought up to date when a range is dropped. */
    private final PagePresence presence = new PagePresence(FIRST_NODES);

    /** Slots whose pages are not marked yet; when there are so many that they do not fit, all pages are marked anew. */
    private int[] toMark;

    private int unmarked;
    private final PagePresence.Sink dropper = this::dropDrained;
    private Space draining;
    private int drainingShift;

    private final LongMap<Space> spaces = new LongMap<>();

    /** The first space of each domain. */
    private final LongMap<Space> domains = new LongMap<>();

    private Space[] spacesById = new Space[16];
    private int spaceIds;
    private Space freeSpace;

    /**
     * A space whose last page was dropped but which keeps its name, or null. One such is kept: the space in use is emptied
     * and filled again and again, and in an empty one nothing is looked for.
     */
    private Space empty;

    /**
     * An empty cache.
     *
     * @param capacity most entries; 0 for a cache that keeps nothing
     */
    public TranslationCache(int capacity) {
        if (capacity < 0 || capacity > MAX_CAPACITY) {
            throw new IllegalArgumentException("capacity=" + capacity + " is not in 0.." + MAX_CAPACITY + " entries");
        }
        this.capacity = capacity;
        maxSlots = capacity + capacity / 4 + 8;
        int slots = Math.min(maxSlots, FIRST_SLOTS);
        entries = new long[slots * STRIDE];
        index = new Index(slots);
        toMark = new int[slots];
    }

    /**
     * An empty cache of the size that a configuration asks for.
     *
     * @param defaultEntries what a real part has
     */
    public static TranslationCache of(CacheConfig config, int defaultEntries) {
        return new TranslationCache(CacheSize.entries(config, defaultEntries));
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
     * Finds the smallest page that holds an address.
     *
     * @return a handle for the accessors, good until the next call that changes the cache; {@link #MISS} if there is none
     */
    public int lookup(int domain, int pasid, long iova) {
        if (live == 0) {
            return MISS;
        }
        Space space = space(domain, pasid);
        if (space == null) {
            return MISS;
        }
        long shifts = space.shifts;
        while (shifts != 0) {
            int shift = Long.numberOfTrailingZeros(shifts);
            int at = probe(space, page(iova, shift));
            if (at >= 0) {
                return index.slot(at);
            }
            shifts &= shifts - 1;
        }
        return MISS;
    }

    /** The value of an entry. */
    public long value(int entry) {
        return entries[entry * STRIDE + VALUE];
    }

    /** The attributes of an entry. */
    public int attributes(int entry) {
        return (int) entries[entry * STRIDE + OWNER];
    }

    /** The first address of an entry's page. */
    public long iova(int entry) {
        return entries[entry * STRIDE] & (-1L << MIN_PAGE_SHIFT);
    }

    /** log2 of the size in bytes of an entry's page. */
    public int pageShift(int entry) {
        return (int) entries[entry * STRIDE] & ((1 << MIN_PAGE_SHIFT) - 1);
    }

    /** The domain of an entry. */
    public int domain(int entry) {
        return owner(entry).domain;
    }

    /** The PASID of an entry, or {@link #NO_PASID}. */
    public int pasid(int entry) {
        return owner(entry).pasid;
    }

    /**
     * Adds an entry, in place of one for the same page if there is one.
     *
     * @param iova any address in the page
     * @param pageShift log2 of the page's size in bytes, 12 to 63
     * @param value of the caller's choice, as the address that the page translates to
     * @param attributes of the caller's choice, as rights
     */
    public void insert(int domain, int pasid, long iova, int pageShift, long value, int attributes) {
        if (pageShift < MIN_PAGE_SHIFT || pageShift >= Long.SIZE) {
            throw new IllegalArgumentException("pageShift=" + pageShift + " is not in 12..63");
        }
        if (capacity == 0) {
            return;
        }
        long page = page(iova, pageShift);
        Space space = space(domain, pasid);
        int at = space == null ? MISS : probe(space, page);
        if (at >= 0) {
            int slot = index.slot(at);
            report(RemovalListener.Cause.REPLACED, slot, space);
            set(slot, page, space.id, value, attributes);
            return;
        }
        if (live == capacity) {
            evict();
            space = space(domain, pasid);
        }
        if (space == null) {
            space = addSpace(domain, pasid);
        }
        int slot = takeSlot();
        set(slot, page, space.id, value, attributes);
        index.add(hash(space, page), slot);
        live++;
        if (space == empty) {
            empty = null;
        }
        space.entries++;
        space.pages[pageShift]++;
        space.shifts |= 1L << pageShift;
        if (unmarked < toMark.length) {
            toMark[unmarked++] = slot;
        }
    }

    /**
     * Drops every page that holds an address.
     *
     * @return how many
     */
    public int invalidatePage(int domain, int pasid, long iova) {
        Space space = space(domain, pasid);
        if (space == null) {
            return 0;
        }
        // Most pages that are invalidated are not cached, which one look at the index for each size mostly tells.
        long present = 0;
        for (long shifts = space.shifts; shifts != 0; shifts &= shifts - 1) {
            if (index.mayHave(hash(space, page(iova, Long.numberOfTrailingZeros(shifts))))) {
                present |= Long.lowestOneBit(shifts);
            }
        }
        return present == 0 ? 0 : dropPages(space, iova, present);
    }

    /** Drops the pages of some sizes that hold an address. */
    private int dropPages(Space space, long iova, long pageShifts) {
        int dropped = 0;
        for (long shifts = pageShifts; shifts != 0; shifts &= shifts - 1) {
            dropped += dropPage(space, page(iova, Long.numberOfTrailingZeros(shifts)));
        }
        return dropped;
    }

    /**
     * Drops every page that shares a byte with a range.
     *
     * @param first address, unsigned
     * @param last address, unsigned; nothing happens if it is below the first
     * @return how many
     */
    public int invalidateRange(int domain, int pasid, long first, long last) {
        return invalidateRange(domain, pasid, first, last, -1L);
    }

    /**
     * Drops pages of some sizes that share a byte with a range.
     *
     * @param first address, unsigned
     * @param last address, unsigned; nothing happens if it is below the first
     * @param pageShifts a bit for each page shift that counts
     * @return how many
     */
    public int invalidateRange(int domain, int pasid, long first, long last, long pageShifts) {
        Space space = space(domain, pasid);
        return space == null ? 0 : dropRange(space, first, last, pageShifts);
    }

    /**
     * Drops every page that shares a byte with an aligned block.
     *
     * @param iova any address in the block
     * @param blockShift log2 of the block's size in bytes; from 64 on the whole address space
     * @return how many
     */
    public int invalidateBlock(int domain, int pasid, long iova, int blockShift) {
        if (blockShift >= Long.SIZE) {
            return invalidateSpace(domain, pasid);
        }
        long inBlock = (1L << blockShift) - 1;
        return invalidateRange(domain, pasid, iova & ~inBlock, iova | inBlock, -1L);
    }

    /**
     * Drops every page of a domain that shares a byte with a range, whatever its PASID, or without one.
     *
     * @param first address, unsigned
     * @param last address, unsigned; nothing happens if it is below the first
     * @return how many
     */
    public int invalidateRangeAnyPasid(int domain, long first, long last) {
        return invalidateRangeAnyPasid(domain, first, last, -1L);
    }

    /**
     * Drops pages of some sizes of a domain that share a byte with a range, whatever their PASID, or without one.
     *
     * @param first address, unsigned
     * @param last address, unsigned; nothing happens if it is below the first
     * @param pageShifts a bit for each page shift that counts
     * @return how many
     */
    public int invalidateRangeAnyPasid(int domain, long first, long last, long pageShifts) {
        int dropped = 0;
        Space next;
        for (Space space = firstOf(domain); space != null; space = next) {
            next = space.next;
            dropped += dropRange(space, first, last, pageShifts);
        }
        return dropped;
    }

    /**
     * Drops every page of a domain that shares a byte with a range, whatever its PASID; what has none stays.
     *
     * @param first address, unsigned
     * @param last address, unsigned; nothing happens if it is below the first
     * @return how many
     */
    public int invalidateRangeOfPasids(int domain, long first, long last) {
        int dropped = 0;
        Space next;
        for (Space space = firstOf(domain); space != null; space = next) {
            next = space.next;
            if (space.pasid != NO_PASID) {
                dropped += dropRange(space, first, last, -1L);
            }
        }
        return dropped;
    }

    /**
     * Drops what a domain has for one PASID.
     *
     * @param pasid the PASID, or {@link #NO_PASID} for what has none
     * @return how many
     */
    public int invalidateSpace(int domain, int pasid) {
        Space space = space(domain, pasid);
        return space == null ? 0 : dropSpace(space);
    }

    /**
     * Drops what a domain has for all PASIDs; what has none stays.
     *
     * @return how many
     */
    public int invalidatePasids(int domain) {
        int dropped = 0;
        Space next;
        for (Space space = firstOf(domain); space != null; space = next) {
            next = space.next;
            if (space.pasid != NO_PASID) {
                dropped += dropSpace(space);
            }
        }
        return dropped;
    }

    /**
     * Drops what a domain has, with and without PASID.
     *
     * @return how many
     */
    public int invalidateDomain(int domain) {
        int dropped = 0;
        Space next;
        for (Space space = firstOf(domain); space != null; space = next) {
            next = space.next;
            dropped += dropSpace(space);
        }
        return dropped;
    }

    /**
     * Drops everything.
     *
     * @return how many
     */
    public int invalidateAll() {
        if (listener != null) {
            return dropOneByOne();
        }
        int dropped = live;
        era++;
        live = 0;
        stale += dropped;
        return dropped;
    }

    private int dropOneByOne() {
        int before = live;
        for (int id = 0; id < spaceIds; id++) {
            if (spacesById[id].linked) {
                dropRange(spacesById[id], 0, -1L, -1L);
            }
        }
        return before - live;
    }

    /** Shows every entry, in the order of their places. */
    public void visit(TranslationVisitor visitor) {
        for (int slot = 0; slot < highWater; slot++) {
            if (isLive(slot)) {
                Space space = owner(slot);
                visitor.entry(space.domain, space.pasid, iova(slot), pageShift(slot), value(slot), attributes(slot));
            }
        }
    }

    /**
     * Lets {@code removalListener} see every entry that leaves; null for nobody. While somebody listens, dropping a domain
     * costs by its entries.
     */
    public void onRemoval(RemovalListener removalListener) {
        listener = removalListener;
    }

    private static int hash(Space space, long page) {
        return (int) (((page ^ space.seed) * GOLDEN) >>> Integer.SIZE);
    }

    /** The first word of an entry. */
    private static long page(long iova, int shift) {
        return ((iova >>> shift) << shift) | shift;
    }

    private boolean holds(int slot, int space, long page) {
        int at = slot * STRIDE;
        return entries[at] == page && (int) (entries[at + OWNER] >>> Integer.SIZE) == space;
    }

    private static long spaceKey(int domain, int pasid) {
        return ((long) domain << Integer.SIZE) | (pasid & 0xFFFF_FFFFL);
    }

    private Space space(int domain, int pasid) {
        Space space = recent;
        return space != null && space.domain == domain && space.pasid == pasid && space.era == era
                ? space
                : find(domain, pasid);
    }

    private Space find(int domain, int pasid) {
        Space space = spaces.get(spaceKey(domain, pasid));
        if (space == null) {
            return null;
        }
        if (!isFindable(space)) {
            unlink(space);
            return null;
        }
        space.era = era;
        recent = space;
        return space;
    }

    /** The first of a domain's spaces, some of which may have been dropped, or null. */
    private Space firstOf(int domain) {
        Space space = recent;
        return space != null && space.domain == domain && space.previous == null ? space : domains.get(domain);
    }

    /** False for a space that was dropped as a whole. An empty space is current too: it only takes the new era. */
    private boolean isFindable(Space space) {
        return space.era == era || space.entries == 0;
    }

    private Space owner(int slot) {
        return spacesById[(int) (entries[slot * STRIDE + OWNER] >>> Integer.SIZE)];
    }

    private boolean isLive(int slot) {
        return entries[slot * STRIDE] != FREE && isFindable(owner(slot));
    }

    private void set(int slot, long page, int space, long value, int attributes) {
        int at = slot * STRIDE;
        entries[at] = page;
        entries[at + OWNER] = ((long) space << Integer.SIZE) | (attributes & 0xFFFF_FFFFL);
        entries[at + VALUE] = value;
    }

    /** The index of a page of a space, or a negative number if it is not there. */
    private int probe(Space space, long page) {
        int hash = hash(space, page);
        int at = index.first(hash);
        while (at >= 0 && !holds(index.slot(at), space.id, page)) {
            at = index.next(hash, at);
        }
        return at;
    }

    private int dropRange(Space space, long first, long last, long pageShifts) {
        if (!isFindable(space)) {
            unlink(space);
            return 0;
        }
        if (Long.compareUnsigned(first, last) > 0) {
            return 0;
        }
        int before = live;
        long shifts = space.shifts & pageShifts;
        while (shifts != 0 && space.linked) {
            int shift = Long.numberOfTrailingZeros(shifts);
            shifts &= shifts - 1;
            long from = first >>> shift;
            long more = (last >>> shift) - from;
            if (more < PROBE_PAGES) {
                for (long page = from; page <= from + more; page++) {
                    dropPage(space, (page << shift) | shift);
                }
            } else {
                markPages();
                draining = space;
                drainingShift = shift;
                presence.drain(space.id, shift, from, from + more, dropper);
            }
        }
        return before - live;
    }

    private void dropDrained(long page) {
        dropPage(draining, (page << drainingShift) | drainingShift);
    }

    /** Drops one page; returns how many there were, 0 or 1. */
    private int dropPage(Space space, long page) {
        int at = probe(space, page);
        if (at < 0) {
            return 0;
        }
        int slot = index.slot(at);
        index.removeAt(at);
        drop(RemovalListener.Cause.INVALIDATED, slot, space);
        return 1;
    }

    /** Frees an entry that the index no longer has. */
    private void drop(RemovalListener.Cause cause, int slot, Space space) {
        report(cause, slot, space);
        int shift = pageShift(slot);
        if (--space.pages[shift] == 0) {
            space.shifts &= ~(1L << shift);
        }
        free(slot);
        live--;
        if (--space.entries == 0) {
            if (empty == null) {
                empty = space;
            } else {
                unlink(space);
                reuse(space);
            }
        }
    }

    private void report(RemovalListener.Cause cause, int slot, Space space) {
        if (listener != null) {
            listener.removed(
                    cause, space.domain, space.pasid, iova(slot), pageShift(slot), value(slot), attributes(slot));
        }
    }

    /** Drops a whole space: by its era, or one by one if somebody wants to see them. */
    private int dropSpace(Space space) {
        if (listener != null || !isFindable(space)) {
            return dropRange(space, 0, -1L, -1L);
        }
        int dropped = space.entries;
        if (dropped != 0) {
            space.era = GONE;
            live -= dropped;
            stale += dropped;
        }
        return dropped;
    }

    private void evict() {
        while (true) {
            int slot = hand;
            hand = hand + 1 == highWater ? 0 : hand + 1;
            if (isLive(slot)) {
                Space space = owner(slot);
                index.remove(hash(space, entries[slot * STRIDE]), slot);
                drop(RemovalListener.Cause.EVICTED, slot, space);
                return;
            }
        }
    }

    private void free(int slot) {
        entries[slot * STRIDE] = FREE;
        entries[slot * STRIDE + OWNER] = freeSlot;
        freeSlot = slot;
    }

    private int takeSlot() {
        if (freeSlot == NONE && highWater * STRIDE == entries.length) {
            makeRoom();
        }
        if (freeSlot == NONE) {
            return highWater++;
        }
        int slot = freeSlot;
        freeSlot = (int) entries[slot * STRIDE + OWNER];
        return slot;
    }

    /** Sweeps away entries that can no longer be found; grows too, unless they are many. */
    private void makeRoom() {
        int slots = highWater;
        if (slots < maxSlots && stale < slots / 4) {
            slots = Math.min(maxSlots, 2 * slots);
            entries = Arrays.copyOf(entries, slots * STRIDE);
            boolean overflowed = unmarked == toMark.length;
            toMark = Arrays.copyOf(toMark, slots);
            unmarked = overflowed ? slots : unmarked;
        }
        index.resize(slots);
        for (int slot = highWater - 1; slot >= 0; slot--) {
            Space space = owner(slot);
            if (isFindable(space)) {
                index.add(hash(space, entries[slot * STRIDE]), slot);
            } else {
                free(slot);
                if (--space.entries == 0) {
                    unlink(space);
                    reuse(space);
                }
            }
        }
        stale = 0;
    }

    private void markPages() {
        boolean marked = unmarked < toMark.length;
        for (int i = 0; marked && i < unmarked; i++) {
            marked = mark(toMark[i]);
        }
        if (!marked) {
            int nodes = presence.slots();
            do {
                presence.reset(nodes);
                nodes *= 2;
            } while (!markAll());
        }
        unmarked = 0;
    }

    /** Marks every page; false if there is too little room for so much more that marking them pays. */
    private boolean markAll() {
        for (int slot = 0; slot < highWater; slot++) {
            if (!mark(slot)) {
                return false;
            }
        }
        return presence.used() <= presence.slots() / 8 * 3 && live <= presence.slots();
    }

    /** Marks the page of an entry, if it still is one; false if there is no room. */
    private boolean mark(int slot) {
        int shift = pageShift(slot);
        return !isLive(slot) || presence.add(owner(slot).id, shift, iova(slot) >>> shift);
    }

    private Space addSpace(int domain, int pasid) {
        Space space = freeSpace;
        if (space == null) {
            if (spaceIds == spacesById.length) {
                spacesById = Arrays.copyOf(spacesById, 2 * spaceIds);
            }
            space = new Space(spaceIds);
            spacesById[spaceIds++] = space;
        } else {
            freeSpace = space.next;
        }
        space.domain = domain;
        space.pasid = pasid;
        space.shifts = 0;
        Arrays.fill(space.pages, 0);
        space.era = era;
        space.linked = true;
        space.previous = null;
        space.next = domains.get(domain);
        if (space.next != null) {
            space.next.previous = space;
        }
        domains.put(domain, space);
        spaces.put(spaceKey(domain, pasid), space);
        recent = space;
        return space;
    }

    /** Removes a space from the lookup by domain and PASID: a new space may take its place. */
    private void unlink(Space space) {
        if (!space.linked) {
            return;
        }
        space.linked = false;
        spaces.remove(spaceKey(space.domain, space.pasid));
        if (space.next != null) {
            space.next.previous = space.previous;
        }
        if (space.previous != null) {
            space.previous.next = space.next;
        } else if (space.next != null) {
            domains.put(space.domain, space.next);
        } else {
            domains.remove(space.domain);
        }
        if (recent == space) {
            recent = null;
        }
    }

    /** Lets the next new space have the number of one that has no entries left. */
    private void reuse(Space space) {
        space.era = GONE;
        space.next = freeSpace;
        freeSpace = space;
    }

    /** The entries with one domain and one PASID as tag, from the first until the last is gone or all are dropped at once. */
    private static final class Space {
        final int id;

        int domain;
        int pasid;

        /** Entries in the store. */
        int entries;

        /** Mixed into the hash of the pages, so that equal pages of different spaces are spread. */
        final long seed;

        /** A bit for each page shift in use. */
        long shifts;

        /** The cache's, as long as its entries can be found; after that they wait to be swept away. */
        long era;

        /** True while the lookup by domain and PASID finds it; a dropped space is removed when it is looked for, or swept away. */
        boolean linked;

        /** Neighbours in the list of the domain's spaces; {@code next} also links those that may be used again. */
        Space next;

        Space previous;

        /** Pages of each shift. */
        final int[] pages = new int[Long.SIZE];

        Space(int id) {
            this.id = id;
            seed = (id + 1L) * SPACE_MIX;
        }
    }

    /** Finds slots by space and page. */
    private final class Index extends SlotIndex {
        Index(int slots) {
            super(slots);
        }

        @Override
        int hash(int slot) {
            return TranslationCache.hash(owner(slot), entries[slot * STRIDE]);
        }
    }
}
