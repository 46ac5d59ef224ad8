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

    private static final long SMALLEST_PAGE = 4096;

    /** Most leaves of a piece, as many as a table has entries in most models. */
    private static final int LEAVES = 512;

    /** Most bytes of short mappings that are unmapped as one piece. */
    private static final long TOGETHER_BYTES = LEAVES * SMALLEST_PAGE;

    /** By their first guest-physical address. */
    private final ConcurrentNavigableMap<Long, Mapping> mappings = new ConcurrentSkipListMap<>(Long::compareUnsigned);

    private volatile boolean begun;

    /** Number of {@link #mappings}, which a map for several threads would have to count. */
    private int count;

    /** Sizes of the leaves of the driver that serves, one bit each. */
    private long pageSizes = SMALLEST_PAGE;

    /** Sizes of the leaves of all drivers that have served: leaves of these sizes may be in the tables. */
    private long everSizes = SMALLEST_PAGE;

    /** A change of which some pieces have been done; null if there is none. */
    private Change unfinished;

    /** A map or an unmap that is done in pieces, in the order of the addresses; a map that fails is taken back in pieces, too. */
    static final class Change {
        private final Mapping mapping;
        private final long first;
        private final long last;

        /** First address of the next piece. */
        private long next;

        private boolean begun;
        private boolean over;

        /** First address of what is left of a map that is being taken back. */
        private long back;

        private boolean takenBack;
        private boolean abandoned;

        private Change(Mapping mapping, long first, long last) {
            this.mapping = mapping;
            this.first = first;
            this.last = last;
            next = first;
            back = first;
        }

        /** True for a map. */
        boolean maps() {
            return mapping != null;
        }

        /** True if its pieces are to be mapped. */
        boolean isToMap() {
            return mapping != null && !takenBack;
        }

        /** True if it failed or does not go on: the pieces of a map are unmaps of what it has mapped then. */
        boolean isTakenBack() {
            return takenBack;
        }

        /** True if the request that began it has ended. */
        boolean isAbandoned() {
            return abandoned;
        }

        /** Last address of the pieces that have been done. */
        private long lastDone() {
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

    /**
     * Says which leaves the driver makes that serves from now on.
     *
     * @param sizes one bit for each size of a leaf in bytes; 0 from a driver that does not say it
     */
    public void servedWith(long sizes) {
        if (sizes != 0) {
            pageSizes = sizes;
            everSizes |= sizes;
        }
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
     * piece takes the driver no more than {@link #LEAVES} leaves, whatever sizes they have, and cuts none that it or an earlier driver may
     * have made. Null if the change is done.
     */
    Mapping piece() {
        Change change = unfinished;
        if (change.takenBack) {
            return change.maps() && change.begun ? pieceToTakeBack(change) : null;
        }
        if (change.over) {
            return null;
        }
        Mapping whole = change.maps() ? change.mapping : firstIn(change.next, change.last);
        if (whole == null) {
            return null;
        }
        long from = Long.compareUnsigned(change.next, whole.iova()) > 0 ? change.next : whole.iova();
        long last =
                change.maps() ? lastToMap(whole, from) : withNeighbours(from, lastToUnmap(whole, from), change.last);
        return part(whole, from, last);
    }

    private Mapping pieceToTakeBack(Change change) {
        long last = lastToUnmap(change.mapping, change.back);
        return part(
                change.mapping,
                change.back,
                Long.compareUnsigned(last, change.lastDone()) < 0 ? last : change.lastDone());
    }

    private static Mapping part(Mapping whole, long from, long last) {
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

    /** A piece ends after some leaves, each the largest that the driver can make there. */
    private long lastToMap(Mapping whole, long from) {
        long last = from - 1;
        for (long room = LEAVES; room > 0 && last != whole.last(); ) {
            long at = last + 1;
            long leaf = largestLeaf(whole, at);
            long leaves = Math.min(room, Long.divideUnsigned(lastBeforeLarger(whole, at, leaf) - last, leaf));
            if (leaves == 0) {
                // The end is aligned to smaller pages, which the driver before had.
                return whole.last();
            }
            room -= leaves;
            last += leaves * leaf;
        }
        return last;
    }

    private long largestLeaf(Mapping whole, long at) {
        long largest = Long.lowestOneBit(pageSizes);
        for (long rest = pageSizes; rest != 0; rest ^= Long.lowestOneBit(rest)) {
            long size = Long.lowestOneBit(rest);
            largest = isLeaf(whole, at, size) ? size : largest;
        }
        return largest;
    }

    /** Last address before the first larger leaf, or of the mapping. */
    private long lastBeforeLarger(Mapping whole, long at, long leaf) {
        for (long rest = pageSizes & -(leaf << 1); rest != 0; rest ^= Long.lowestOneBit(rest)) {
            long larger = Long.lowestOneBit(rest);
            long before = at | (larger - 1);
            if (Long.compareUnsigned(before, whole.last()) < 0 && isLeaf(whole, before + 1, larger)) {
                return before;
            }
        }
        return whole.last();
    }

    /** True if a leaf of a size can begin at an address of a mapping: it is aligned in both address spaces, and as long as the rest. */
    private static boolean isLeaf(Mapping whole, long at, long size) {
        long aligned = at | (whole.pa() + (at - whole.iova()));
        return (aligned & (size - 1)) == 0 && Long.compareUnsigned(whole.last() - at, size - 1) >= 0;
    }

    /** The same; but a piece ends no earlier than a leaf can that a driver with other sizes has made before. */
    private long lastToUnmap(Mapping whole, long from) {
        long last = lastToMap(whole, from);
        for (long rest = everSizes ^ pageSizes; rest != 0; rest ^= Long.lowestOneBit(rest)) {
            long size = Long.lowestOneBit(rest);
            long begin = last & -size;
            if (Long.compareUnsigned(begin, whole.iova()) >= 0 && isLeaf(whole, begin, size)) {
                last = begin + (size - 1);
            }
        }
        return last;
    }

    /** A piece of the unfinished change has been done. */
    void done(Mapping piece) {
        Change change = unfinished;
        if (change.takenBack) {
            change.back = piece.last() + 1;
            change.begun = change.back != change.next;
            return;
        }
        change.begun = true;
        change.over = piece.last() == change.last;
        change.next = piece.last() + 1;
    }

    /** The unfinished change will not be completed: what a map has mapped is to be unmapped, in pieces; an unmap has no more of them. */
    void takeBack() {
        unfinished.takenBack = true;
    }

    /** The request of the unfinished change has ended: its pieces are taken back by others. */
    void abandon() {
        takeBack();
        unfinished.abandoned = true;
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

    /** The part of a mapping that exists while it is being mapped, its first pieces, or while it is taken back. */
    private static Mapping donePart(Change change, Mapping mapping) {
        return mapping.equals(change.mapping) && (!change.over || change.takenBack)
                ? part(mapping, change.back, change.lastDone())
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
                : part(mapping, change.next, mapping.last());
    }
}
