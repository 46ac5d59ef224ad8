package org.iommu4j.simulation.fault;

import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.simulation.ring.CommandRing;

/**
 * Events in a queue in memory: written at the tail of a ring, which software reads at the head. An event
 * for which there is no room is lost and sets the overflow flag; how software sees the flag is the chip's.
 */
public final class EventLog {
    private final CommandRing ring;
    private final PhysicalMemory memory;
    private boolean overflowed;

    /**
     * A log.
     *
     * @param ring where its entries are
     * @param memory that the ring lies in
     */
    public EventLog(CommandRing ring, PhysicalMemory memory) {
        this.ring = ring;
        this.memory = memory;
    }

    /** The ring in memory that holds the entries. */
    public CommandRing ring() {
        return ring;
    }

    /**
     * Writes an event and moves the tail.
     *
     * @param words the entry, as many 64-bit words as it has; written in little-endian order
     * @return false if there was no room
     * @throws BusErrorException if the ring is not in memory; the tail stays
     */
    public boolean append(long[] words) {
        if (words.length * Long.BYTES != ring.entryBytes()) {
            throw new IllegalArgumentException(words.length + " words in entries of " + ring.entryBytes() + " bytes");
        }
        if (ring.isFull()) {
            overflowed = true;
            return false;
        }
        for (int i = 0; i < words.length; i++) {
            memory.writeLongLe(ring.tailAddress() + (long) i * Long.BYTES, words[i]);
        }
        ring.advanceTail();
        return true;
    }

    /** True if an event was lost since the flag was cleared. */
    public boolean overflowed() {
        return overflowed;
    }

    /** Sets the flag, as a restored state has it. */
    public void overflowed(boolean was) {
        overflowed = was;
    }
}
