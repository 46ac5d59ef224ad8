package org.iommu4j.core.containers;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentNavigableMap;
import java.util.concurrent.ConcurrentSkipListMap;
import org.iommu4j.contract.Mapping;

/**
 * The book of a container's memory: which guest-physical addresses are mapped to which host memory. No two mappings overlap, and
 * they are not joined, since each is unmapped as it was mapped. Changed inside the unit's gate only; {@link #mappings} may be
 * asked at any time.
 */
public final class MemoryMap {
    /** Most mappings of one container, as VFIO has it. */
    static final int MOST = 65535;

    private static final int PAGE_SHIFT = 12;

    /** log2 of how many times as long a larger page is, in the tables of most models. */
    private static final int LEVEL_BITS = 9;

    private static final long TOGETHER_BYTES = 1L << (PAGE_SHIFT + LEVEL_BITS);
    private static final int MOST_SHIFT = PAGE_SHIFT + 3 * LEVEL_BITS;

    /** By their first guest-physical address. */
    private final ConcurrentNavigableMap<Long, Mapping> mappings = new ConcurrentSkipListMap<>(Long::compareUnsigned);

    private volatile boolean begun;

    /** Number of {@link #mappings}, which a map for several threads would have to count. */
    private int count;

    /** A change of which some pieces have been done; null if there is none. */
    private Change unfinished;

    /** A map or an unmap that is done in pieces, in the order of the addresses. */
    static final class Change {
        private final Mapping mapping;
        private final long first;
        private final long last;

        /** First address of the next piece. */
        private long next;

        private boolean begun;
        private boolean over;

        private Change(Mapping mapping, long first, long last) {
            this.mapping = mapping;
            this.first = first;
            this.last = last;
            next = first;
        }

        /** True for a map. */
        boolean maps() {
            return mapping != null;
        }

        /** True if pieces of it have been done: from {@link #first} to {@link #lastDone}. */
        boolean hasBegun() {
            return begun;
        }

        /** First address of its range. */
        long first() {
            return first;
        }

        /** Last address of the pieces that have been done. */
        long lastDone() {
            return next - 1;
        }
    }

    /** True once it has begun: from then on nothing of the container translates one to one. */
    public boolean isBegun() {
        return begun;
    }

    /** The container has a memory map, which is empty. */
    void begin() {
        begun = true;
    }

    /** True if one more mapping has room. */
    boolean hasRoom() {
        return count < MOST;
    }

    /** The mapping that holds a guest-physical address, or null. */
    Mapping at(long address) {
        Map.Entry<Long, Mapping> entry = mappings.floorEntry(address);
        return entry != null && entry.getValue().contains(address) ? entry.getValue() : null;
    }

    /** The first mapping that has a byte from {@code first} to {@code last}; null if there is none. */
    Mapping firstIn(long first, long last) {
        Mapping before = at(first);
        if (before != null) {
            return before;
        }
        Map.Entry<Long, Mapping> next = mappings.ceilingEntry(first);
        return next != null && Long.compareUnsigned(next.getKey(), last) <= 0 ? next.getValue() : null;
    }

    /** A mapping that has bytes from {@code first} to {@code last} and others; null if there is none. */
    Mapping crossing(long first, long last) {
        Mapping atFirst = at(first);
        if (atFirst != null && (atFirst.iova() != first || Long.compareUnsigned(atFirst.last(), last) > 0)) {
            return atFirst;
        }
        Mapping atLast = at(last);
        return atLast != null && atLast.last() != last ? atLast : null;
    }

    /** The change that has begun and is not finished; null if there is none. */
    Change unfinished() {
        return unfinished;
    }

    /** Begins to add a mapping, in whose range there is none. */
    void begin(Mapping mapping) {
        mappings.put(mapping.iova(), mapping);
        count++;
        unfinished = new Change(mapping, mapping.iova(), mapping.last());
    }

    /** Begins to remove the mappings from {@code first} to {@code last}, whose ends none of them crosses. */
    void beginRemoval(long first, long last) {
        unfinished = new Change(null, first, last);
    }

    /**
     * The next piece of the unfinished change: what is to be mapped, or a range that is to be unmapped, in which there may be gaps. A
     * piece takes no more pages than fill three tables; the pieces of a mapping end at the same places whenever it is cut. Null if the
     * change is done.
     */
    Mapping piece() {
        Change change = unfinished;
        if (change.over) {
            return null;
        }
        Mapping whole = change.maps() ? change.mapping : firstIn(change.next, change.last);
        if (whole == null) {
            return null;
        }
        long from = Long.compareUnsigned(change.next, whole.iova()) > 0 ? change.next : whole.iova();
        long last = lastOfPiece(whole, from);
        if (!change.maps()) {
            last = withNeighbours(from, last, change.last);
        }
        return new Mapping(from, whole.pa() + (from - whole.iova()), last - from + 1, whole.flags());
    }

    /** Short mappings are unmapped together, as many as a piece of one may have pages: what is cached is dropped once. */
    private long withNeighbours(long from, long lastOfFirst, long end) {
        long last = lastOfFirst;
        long bytes = last - from + 1;
        while (last != end && at(last) != null && at(last).last() == last) {
            Mapping next = firstIn(last + 1, end);
            if (next == null
                    || Long.compareUnsigned(next.size(), TOGETHER_BYTES - bytes) > 0
                    || bytes > TOGETHER_BYTES) {
                break;
            }
            bytes += next.size();
            last = next.last();
        }
        return last;
    }

    /** A piece ends where a table of the largest pages ends that can be had: all that lie alike in both address spaces. */
    private static long lastOfPiece(Mapping whole, long from) {
        int alike = Long.numberOfTrailingZeros(whole.iova() ^ whole.pa());
        int shift = PAGE_SHIFT + LEVEL_BITS;
        while (shift < MOST_SHIFT && alike >= shift) {
            shift += LEVEL_BITS;
        }
        long last = from | ((1L << shift) - 1);
        return Long.compareUnsigned(last, whole.last()) < 0 ? last : whole.last();
    }

    /** A piece of the unfinished change has been done. */
    void done(Mapping piece) {
        Change change = unfinished;
        change.begun = true;
        change.over = piece.last() == change.last;
        change.next = piece.last() + 1;
    }

    /** The unfinished change is over; returns the bytes that it removed. */
    long finish() {
        Change change = unfinished;
        unfinished = null;
        return change.maps() ? 0 : remove(change.first, change.last);
    }

    /** The unfinished change is given up: a map has left nothing, what an unmap left is as if it had not begun. */
    void giveUp() {
        Change change = unfinished;
        unfinished = null;
        if (change.maps()) {
            remove(change.first, change.last);
        }
    }

    private long remove(long first, long last) {
        long bytes = 0;
        for (Mapping mapping : mappings.subMap(first, true, last, true).values()) {
            mappings.remove(mapping.iova());
            bytes += mapping.size();
            count--;
        }
        return bytes;
    }

    /** The mappings in the order of their addresses. */
    public List<Mapping> mappings() {
        return new ArrayList<>(mappings.values());
    }

    /**
     * The mappings that a driver has to have now, in the order of their addresses; of an unfinished change only the pieces
     * that were done.
     */
    public List<Mapping> inForce() {
        Change change = unfinished;
        if (change == null || !change.begun) {
            return change == null ? mappings() : without(change.maps() ? change.mapping : null);
        }
        List<Mapping> parts = new ArrayList<>();
        for (Mapping mapping : mappings.values()) {
            Mapping part = change.maps() ? donePart(change, mapping) : leftPart(change, mapping);
            if (part != null) {
                parts.add(part);
            }
        }
        return parts;
    }

    private List<Mapping> without(Mapping mapping) {
        List<Mapping> rest = mappings();
        rest.remove(mapping);
        return rest;
    }

    /** The part of a mapping that exists while it is being mapped: its first pieces. */
    private static Mapping donePart(Change change, Mapping mapping) {
        return mapping.equals(change.mapping) && !change.over
                ? new Mapping(mapping.iova(), mapping.pa(), change.next - mapping.iova(), mapping.flags())
                : mapping;
    }

    /** The part of a mapping that is left while it is being unmapped; null if nothing is left. */
    private static Mapping leftPart(Change change, Mapping mapping) {
        boolean untouched = Long.compareUnsigned(mapping.iova(), change.first) < 0
                || Long.compareUnsigned(mapping.iova(), change.lastDone()) > 0;
        if (untouched) {
            return mapping;
        }
        long done = change.next - mapping.iova();
        return change.over || Long.compareUnsigned(done, mapping.size()) >= 0
                ? null
                : new Mapping(change.next, mapping.pa() + done, mapping.size() - done, mapping.flags());
    }
}
