package org.iommu4j.amd.front;

import org.iommu4j.amd.command.AmdViEvents;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.Ring;
import org.iommu4j.amd.command.AmdViRegisters.Rings;
import org.iommu4j.amd.command.AmdViRegisters.Status;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.layout.BitField;
import org.iommu4j.simulation.fault.EventLog;
import org.iommu4j.simulation.register.RegisterFile;
import org.iommu4j.simulation.ring.CommandRing;
import org.iommu4j.simulation.ring.RingStyle;

/**
 * A log that the unit writes into a ring in memory, 48882 2.5.1 and 2.6.1: event log or PPR log. It runs while it is enabled, has
 * a legal length and has not overflowed. An entry for which there is no room, or no memory, is lost: the overflow bit is set, the
 * run bit falls, and nothing is logged until software has cleared the overflow and enables the log anew.
 */
final class Log {
    private final RegisterFile registers;
    private final Ring place;
    private final Bits bits;
    private final Interrupts interrupts;
    private final boolean interruptBitNeedsEnable;
    private final CommandRing ring = new CommandRing(RingStyle.BYTE_OFFSET);
    private final EventLog entries;
    private final long[] entry = new long[AmdViEvents.BYTES / Long.BYTES];
    private boolean stopped;

    /**
     * The bits of a log in the control and status registers.
     *
     * @param enables the bits of the control register that must all be set
     * @param restart that one of them whose rise starts a log anew that had overflowed
     * @param interruptEnable the bit of the control register that lets messages be sent
     */
    record Bits(
            long enables,
            BitField restart,
            BitField interruptEnable,
            BitField run,
            BitField overflow,
            BitField interrupt) {
        /** The event log's. */
        static final Bits EVENTS = new Bits(
                Control.IOMMU_EN.mask() | Control.EVENT_LOG_EN.mask(),
                Control.EVENT_LOG_EN,
                Control.EVENT_INT_EN,
                Status.EVENT_LOG_RUN,
                Status.EVENT_OVERFLOW,
                Status.EVENT_LOG_INT);

        /** The PPR log's. */
        static final Bits PAGE_REQUESTS = new Bits(
                Control.IOMMU_EN.mask() | Control.PPR_EN.mask() | Control.PPR_LOG_EN.mask(),
                Control.PPR_LOG_EN,
                Control.PPR_INT_EN,
                Status.PPR_LOG_RUN,
                Status.PPR_OVERFLOW,
                Status.PPR_INT);
    }

    /**
     * A log after reset.
     *
     * @param interruptBitNeedsEnable true if the interrupt bit is set only where a message is sent
     */
    Log(
            RegisterFile registers,
            PhysicalMemory memory,
            Ring place,
            Bits bits,
            Interrupts interrupts,
            boolean interruptBitNeedsEnable) {
        this.registers = registers;
        this.place = place;
        this.bits = bits;
        this.interrupts = interrupts;
        this.interruptBitNeedsEnable = interruptBitNeedsEnable;
        entries = new EventLog(ring, memory);
        RingRegisters.follow(registers, place, ring);
        RingRegisters.followBase(registers, place, ring, this::update);
    }

    /** Software has written the control register. */
    void controlWritten(long before, long after) {
        if (bits.restart.isSet(after & ~before)) {
            stopped = registers.isSet(Status.REGISTER, bits.overflow);
        }
        update();
    }

    /** True while entries are logged. */
    boolean isRunning() {
        return registers.isSet(Status.REGISTER, bits.run);
    }

    /** True if software has not read so much that there is room. */
    boolean isFull() {
        return ring.isFull();
    }

    /** Entries that software has not read. */
    int used() {
        return ring.used();
    }

    /**
     * Writes an entry.
     *
     * @return false if it is not in the log
     */
    boolean append(long word0, long word1) {
        if (!isRunning()) {
            return false;
        }
        entry[0] = word0;
        entry[1] = word1;
        if (!stored()) {
            stopped = true;
            registers.set(Status.REGISTER, bits.overflow, true);
            update();
            message();
            return false;
        }
        registers.set(place.tail(), ring.tail());
        if (!interruptBitNeedsEnable || registers.isSet(Control.REGISTER, bits.interruptEnable)) {
            registers.set(Status.REGISTER, bits.interrupt, true);
        }
        message();
        return true;
    }

    /** Takes the oldest entry out as software would, into {@code words}; false if there is none. */
    boolean take(PhysicalMemory memory, long[] words) {
        if (ring.isEmpty()) {
            return false;
        }
        try {
            memory.readPairLe(ring.headAddress(), words);
        } catch (BusErrorException e) {
            return false;
        }
        ring.advanceHead();
        registers.set(place.head(), ring.head());
        return true;
    }

    /** True if it waits for software to clear an overflow. */
    boolean isStopped() {
        return stopped;
    }

    /** Goes on as the registers and {@code wasStopped} say. */
    void load(boolean wasStopped) {
        stopped = wasStopped;
        RingRegisters.loaded(registers, place, ring);
    }

    /** Sends the message if software wants it. */
    void message() {
        if (registers.isSet(Control.REGISTER, bits.interruptEnable)) {
            interrupts.raise();
        }
    }

    private boolean stored() {
        try {
            return entries.append(entry);
        } catch (BusErrorException | BackendException e) {
            return false;
        }
    }

    private void update() {
        boolean enabled = (registers.get(Control.REGISTER) & bits.enables) == bits.enables;
        boolean legal = registers.get(place.base(), Rings.LENGTH) >= Rings.LEAST_LENGTH;
        registers.set(Status.REGISTER, bits.run, enabled && legal && !stopped);
    }
}
