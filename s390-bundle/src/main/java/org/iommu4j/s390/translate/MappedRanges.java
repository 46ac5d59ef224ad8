package org.iommu4j.s390.translate;

import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.s390.command.Status;
import org.iommu4j.s390.table.Iota;
import org.iommu4j.s390.table.TableLevel;
import org.iommu4j.s390.table.TableWalker;

/**
 * Finds what a table maps already when it is bound: a unit that shadows learns of it by RPCIT only. It asks for runs of valid
 * pages, so that a table with entries that were never initialised is no error.
 */
final class MappedRanges {
    /**
     * Most entries that are looked at for one bind, during which everybody else of the unit waits: well under 250
     * milliseconds. Tables can name one another again and again, so that nothing else bounds their entries; it is 32 times as
     * many as a unit's default budget for mappings.
     */
    static final int MOST_ENTRIES = 1 << 21;

    /** Takes a range that is mapped as a whole. */
    interface Sink {
        /**
         * One range.
         *
         * @param first address
         * @param last address, inclusive
         * @return 0 to go on, else an outcome to stop with
         */
        int range(long first, long last);
    }

    private final TableWalker walker;

    /**
     * Looks into tables.
     *
     * @param largeFrames true if a segment table entry may name a frame of 1 MiB
     */
    MappedRanges(PhysicalMemory memory, boolean largeFrames) {
        walker = new TableWalker(memory, largeFrames);
    }

    /**
     * Shows every maximal range of mapped pages in an aperture.
     *
     * @return 0; what the sink stopped with; or {@link Status#INSUFFICIENT_RESOURCES} after {@link #MOST_ENTRIES}
     */
    int forEach(Registration registration, Sink sink) {
        if (!Iota.T.isSet(registration.iota())) {
            return 0;
        }
        long reach = TableLevel.lastAddress(Iota.DT.getInt(registration.iota()));
        long at = registration.pba();
        long last = Long.compareUnsigned(registration.pal(), reach) < 0 ? registration.pal() : reach;
        if (Long.compareUnsigned(at, last) > 0) {
            return 0;
        }
        long begin = 0;
        boolean open = false;
        for (int looked = 0; looked < MOST_ENTRIES; looked++) {
            boolean mapped = walker.walk(registration.iota(), at, null) == TableWalker.MAPPED;
            if (mapped != open) {
                if (open) {
                    int outcome = sink.range(begin, at - 1);
                    if (outcome != 0) {
                        return outcome;
                    }
                }
                begin = at;
                open = mapped;
            }
            long end = at | (1L << walker.shift()) - 1;
            if (Long.compareUnsigned(end, last) >= 0) {
                return open ? sink.range(begin, last) : 0;
            }
            at = end + 1;
        }
        return Status.INSUFFICIENT_RESOURCES;
    }

    /**
     * The end of a refresh that reads a limited number of table entries; a page table counts as a whole.
     *
     * @return the last address of that, at most {@code last}
     */
    long endOfPiece(Registration registration, long first, long last, int entries) {
        if (!Iota.T.isSet(registration.iota())) {
            return last;
        }
        long at = first;
        for (int looked = 0; looked < entries; ) {
            if (walker.walk(registration.iota(), at, null) > TableWalker.MAPPED) {
                // A wrong entry ends the refresh anyway.
                return last;
            }
            boolean pages = walker.shift() < TableLevel.SEGMENT_SHIFT;
            int shift = pages ? TableLevel.SEGMENT_SHIFT : walker.shift();
            looked += pages ? 1 << (TableLevel.SEGMENT_SHIFT - walker.shift()) : 1;
            long end = at | (1L << shift) - 1;
            if (Long.compareUnsigned(end, last) >= 0) {
                return last;
            }
            at = end + 1;
        }
        return at - 1;
    }

    /** The first address of the frame of 1 MiB that holds an address; the address itself if none does. */
    long firstOfFrame(Registration registration, long address) {
        return isInFrame(registration, address) ? address & -1L << TableLevel.SEGMENT_SHIFT : address;
    }

    /** The last address of the frame of 1 MiB that holds an address; the address itself if none does. */
    long lastOfFrame(Registration registration, long address) {
        return isInFrame(registration, address) ? address | (1L << TableLevel.SEGMENT_SHIFT) - 1 : address;
    }

    private boolean isInFrame(Registration registration, long address) {
        return Iota.T.isSet(registration.iota())
                && walker.walk(registration.iota(), address, null) == TableWalker.MAPPED
                && walker.level() == TableLevel.SEGMENT;
    }
}
