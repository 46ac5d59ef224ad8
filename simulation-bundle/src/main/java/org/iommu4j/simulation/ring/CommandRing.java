package org.iommu4j.simulation.ring;

import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * Positions in a ring of equal entries in memory, for whoever consumes commands at its head or produces events at its
 * tail. It reads and writes no memory itself.
 */
public final class CommandRing {
    private static final int MAX_ENTRIES = 1 << 24;

    private final RingStyle style;
    private long base;
    private int entryShift;
    private int indexMask;
    private int lapMask;

    /** Head and tail count entries, with {@link RingStyle#WRAP_BIT} over two laps. */
    private int head;

    private int tail;

    /** A ring of one empty entry at 0, until {@link #configure}. */
    public CommandRing(RingStyle style) {
        this.style = style;
        lapMask = lapMask(0);
    }

    /**
     * Moves the ring and empties it.
     *
     * @param baseAddress physical address of the first entry
     * @param entryBytes size of an entry, a power of two
     * @param entries number of entries, a power of two up to 2^24
     */
    public void configure(long baseAddress, int entryBytes, int entries) {
        if (Integer.bitCount(entryBytes) != 1
                || Integer.bitCount(entries) != 1
                || entryBytes < 1
                || entries < 1
                || entries > MAX_ENTRIES) {
            throw new IllegalArgumentException(entries + " entries of " + entryBytes + " bytes");
        }
        base = baseAddress;
        entryShift = Integer.numberOfTrailingZeros(entryBytes);
        indexMask = entries - 1;
        lapMask = lapMask(indexMask);
        head = 0;
        tail = 0;
    }

    /** Physical address of the first entry. */
    public long base() {
        return base;
    }

    /** Size of an entry in bytes. */
    public int entryBytes() {
        return 1 << entryShift;
    }

    /** Number of entries. */
    public int entries() {
        return indexMask + 1;
    }

    /**
     * Sets the head from its register.
     *
     * @return false, and nothing is changed, if the value names no entry
     */
    public boolean setHead(long register) {
        int position = position(register);
        if (position < 0) {
            return false;
        }
        head = position;
        return true;
    }

    /**
     * Sets the tail from its register.
     *
     * @return false, and nothing is changed, if the value names no entry
     */
    public boolean setTail(long register) {
        int position = position(register);
        if (position < 0) {
            return false;
        }
        tail = position;
        return true;
    }

    /** The head as its register has it. */
    public long head() {
        return register(head);
    }

    /** The tail as its register has it. */
    public long tail() {
        return register(tail);
    }

    /** Physical address of the entry at the head. */
    public long headAddress() {
        return base + ((long) (head & indexMask) << entryShift);
    }

    /** Physical address of the entry at the tail. */
    public long tailAddress() {
        return base + ((long) (tail & indexMask) << entryShift);
    }

    /** Moves the head to the next entry. */
    public void advanceHead() {
        head = (head + 1) & lapMask;
    }

    /** Moves the tail to the next entry. */
    public void advanceTail() {
        tail = (tail + 1) & lapMask;
    }

    /** True if the head is at the tail. */
    public boolean isEmpty() {
        return head == tail;
    }

    /** True if nothing can be added at the tail. */
    public boolean isFull() {
        return style == RingStyle.BYTE_OFFSET ? used() == indexMask : used() > indexMask;
    }

    /**
     * Number of entries from head to tail. Registers of {@link RingStyle#WRAP_BIT} can name positions that are more than a
     * lap apart; then it exceeds {@link #entries}.
     */
    public int used() {
        return (tail - head) & lapMask;
    }

    /** Saves place and positions into the section that {@code out} is in. */
    public void save(SnapshotWriter out) {
        out.putLong(base);
        out.putInt(entryShift);
        out.putInt(indexMask);
        out.putInt(head);
        out.putInt(tail);
    }

    /**
     * Takes what {@link #save} saved.
     *
     * @throws org.iommu4j.backend.BackendException {@code EINVAL} if it is no ring; nothing is changed then
     */
    public void load(SnapshotReader in) {
        long newBase = in.getLong();
        int newEntryShift = in.getInt();
        int newIndexMask = in.getInt();
        int newHead = in.getInt();
        int newTail = in.getInt();
        int positions = lapMask(newIndexMask);
        boolean ring = newEntryShift >= 0
                && newEntryShift <= 30
                && newIndexMask >= 0
                && newIndexMask < MAX_ENTRIES
                && (newIndexMask & (newIndexMask + 1)) == 0
                && (newHead & ~positions) == 0
                && (newTail & ~positions) == 0;
        if (!ring) {
            throw in.invalid("ring of 2^" + newEntryShift + " bytes, mask " + newIndexMask + ", head " + newHead
                    + ", tail " + newTail);
        }
        base = newBase;
        entryShift = newEntryShift;
        indexMask = newIndexMask;
        lapMask = positions;
        head = newHead;
        tail = newTail;
    }

    private int lapMask(int ofIndex) {
        return style == RingStyle.BYTE_OFFSET ? ofIndex : 2 * ofIndex + 1;
    }

    private long register(int position) {
        return style == RingStyle.BYTE_OFFSET ? (long) position << entryShift : position;
    }

    private int position(long register) {
        int shift = style == RingStyle.BYTE_OFFSET ? entryShift : 0;
        long position = register >>> shift;
        return position << shift == register && (position & ~(long) lapMask) == 0 ? (int) position : -1;
    }
}
