package org.iommu4j.simulation.fault;

import java.util.Arrays;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * Fault records in a few registers: each slot holds one record of two words until software clears it, slots are
 * filled in turn, and a record whose turn finds its slot taken is lost and sets the overflow flag.
 */
public final class FaultSlots {
    private final long[] low;
    private final long[] high;
    private final long[] keys;
    private final boolean[] pending;
    private int next;
    private boolean overflowed;
    private boolean collapsing;

    /**
     * Empty slots.
     *
     * @param slots how many
     */
    public FaultSlots(int slots) {
        if (slots < 1) {
            throw new IllegalArgumentException(slots + " slots");
        }
        low = new long[slots];
        high = new long[slots];
        keys = new long[slots];
        pending = new boolean[slots];
    }

    /** Number of slots. */
    public int slots() {
        return pending.length;
    }

    /**
     * With {@code on}, a record whose collapse key is pending already is dropped without setting the overflow flag.
     */
    public void collapsing(boolean on) {
        collapsing = on;
    }

    /**
     * Records a fault.
     *
     * @param lowWord first word
     * @param highWord second word
     * @param collapseKey the same for faults that may be collapsed, such as those of one requester
     * @return the slot, or -1 if the record was collapsed or lost
     */
    public int record(long lowWord, long highWord, long collapseKey) {
        if (collapsing && isPending(collapseKey)) {
            return -1;
        }
        if (pending[next]) {
            overflowed = true;
            return -1;
        }
        int slot = next;
        low[slot] = lowWord;
        high[slot] = highWord;
        keys[slot] = collapseKey;
        pending[slot] = true;
        next = slot + 1 == pending.length ? 0 : slot + 1;
        return slot;
    }

    /** True if the slot holds a record that software has not cleared. */
    public boolean pending(int slot) {
        return pending[slot];
    }

    /** First word of the last record of the slot, cleared or not. */
    public long low(int slot) {
        return low[slot];
    }

    /** Second word of the last record of the slot, cleared or not. */
    public long high(int slot) {
        return high[slot];
    }

    /** Software has read the record of the slot. */
    public void clear(int slot) {
        pending[slot] = false;
    }

    /** The slot with the oldest record that is pending, or -1. */
    public int firstPending() {
        for (int i = 0; i < pending.length; i++) {
            int slot = (next + i) % pending.length;
            if (pending[slot]) {
                return slot;
            }
        }
        return -1;
    }

    /** Makes it the turn of slot 0; records that are pending stay. */
    public void restart() {
        next = 0;
    }

    /** The slot whose turn is next. */
    public int next() {
        return next;
    }

    /** True if a record was lost since the flag was cleared. */
    public boolean overflowed() {
        return overflowed;
    }

    /** Software has cleared the overflow flag. */
    public void clearOverflow() {
        overflowed = false;
    }

    /** Forgets all records and starts with slot 0. */
    public void reset() {
        Arrays.fill(low, 0);
        Arrays.fill(high, 0);
        Arrays.fill(keys, 0);
        Arrays.fill(pending, false);
        next = 0;
        overflowed = false;
    }

    /** Saves records and flags into the section that {@code out} is in. */
    public void save(SnapshotWriter out) {
        out.putInt(pending.length);
        for (int slot = 0; slot < pending.length; slot++) {
            out.putLong(low[slot]).putLong(high[slot]).putLong(keys[slot]).putBoolean(pending[slot]);
        }
        out.putInt(next).putBoolean(overflowed).putBoolean(collapsing);
    }

    /**
     * Takes what {@link #save} saved; the records that were there are gone.
     *
     * @throws org.iommu4j.backend.BackendException {@code EINVAL} if it has more slots, or is damaged
     */
    public void load(SnapshotReader in) {
        reset();
        int slots = in.getCount(pending.length);
        for (int slot = 0; slot < slots; slot++) {
            low[slot] = in.getLong();
            high[slot] = in.getLong();
            keys[slot] = in.getLong();
            pending[slot] = in.getBoolean();
        }
        next = in.getCount(pending.length - 1);
        overflowed = in.getBoolean();
        collapsing = in.getBoolean();
    }

    private boolean isPending(long collapseKey) {
        for (int slot = 0; slot < pending.length; slot++) {
            if (pending[slot] && keys[slot] == collapseKey) {
                return true;
            }
        }
        return false;
    }
}
