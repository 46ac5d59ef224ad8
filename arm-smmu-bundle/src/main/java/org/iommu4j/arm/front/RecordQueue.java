package org.iommu4j.arm.front;

import java.util.function.Consumer;
import org.iommu4j.arm.command.SmmuRegisters.Queue;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.layout.BitField;
import org.iommu4j.simulation.register.RegisterFile;
import org.iommu4j.simulation.ring.CommandRing;
import org.iommu4j.simulation.ring.RingStyle;

/**
 * A queue of records that the chip writes: events, IHI 0070 7.2, or page requests, IHI 0070 8. A write that is aborted is a
 * global error, and nothing more is written until software acknowledges it. A record for which there is no room is lost and flips
 * OVFLG, unless the overflow before has not been acknowledged.
 */
final class RecordQueue {
    /** Smallest alignment of a queue in bytes, IHI 0070 6.3.26. */
    private static final int LEAST_ALIGNMENT = 32;

    private final Queue queue;
    private final int recordBytes;
    private final int mostLog2Size;
    private final long addressBits;
    private final RegisterFile registers;
    private final PhysicalMemory memory;
    private final GlobalErrors errors;
    private final BitField abortError;
    private final CommandRing ring = new CommandRing(RingStyle.WRAP_BIT);
    private boolean enabled;

    RecordQueue(
            Queue queue,
            int recordBytes,
            int mostLog2Size,
            long addressBits,
            RegisterFile registers,
            PhysicalMemory memory,
            GlobalErrors errors,
            BitField abortError) {
        this.queue = queue;
        this.recordBytes = recordBytes;
        this.mostLog2Size = mostLog2Size;
        this.addressBits = addressBits;
        this.registers = registers;
        this.memory = memory;
        this.errors = errors;
        this.abortError = abortError;
    }

    /** Places a ring of 2^log2Size entries; its base is aligned to its size, 32 bytes at least. */
    static void configure(CommandRing ring, long address, int entryBytes, int log2Size) {
        long alignment = Math.max((long) entryBytes << log2Size, LEAST_ALIGNMENT);
        ring.configure(address & -alignment, entryBytes, 1 << log2Size);
    }

    /** The enable bit has changed: the queue goes on where its registers say. */
    void enable(boolean on) {
        enabled = on;
        if (on) {
            long base = registers.get(queue.baseRegister());
            configure(
                    ring,
                    queue.address().get(base) & addressBits,
                    recordBytes,
                    Math.min(queue.log2Size().getInt(base), mostLog2Size));
        }
    }

    /** True if a record could be written, IHI 0070 7.2.1. */
    boolean isWritable() {
        return isOn() && !isFull();
    }

    /** True while the queue is enabled and no write of it has been aborted. */
    boolean isOn() {
        return enabled && !errors.isActive(abortError);
    }

    /** True from the loss of a record until software acknowledges it. */
    boolean hasOverflowed() {
        return queue.overflow().isSet(registers.get(queue.producer()))
                != queue.overflowSeen().isSet(registers.get(queue.consumer()));
    }

    /** True if every record has been read. */
    boolean isEmpty() {
        readPositions();
        return ring.isEmpty();
    }

    /** Loses a record for want of room. */
    void overflow() {
        if (!hasOverflowed()) {
            registers.set(
                    queue.producer(),
                    registers.get(queue.producer()) ^ queue.overflow().mask());
        }
    }

    /**
     * Writes a record to a queue that is writable.
     *
     * @return false if the write was aborted
     */
    boolean write(long[] words) {
        readPositions();
        try {
            for (int word = 0; word < words.length; word++) {
                memory.writeLongLe(ring.tailAddress() + (long) word * Long.BYTES, words[word]);
            }
        } catch (BusErrorException | BackendException e) {
            errors.raise(abortError);
            return false;
        }
        ring.advanceTail();
        registers.set(queue.producer(), queue.write(), ring.tail());
        return true;
    }

    /** Hands all records that software has not read to somebody, as software would read them. */
    void take(Consumer<byte[]> sink) {
        readPositions();
        while (enabled && !ring.isEmpty() && ring.used() <= ring.entries()) {
            byte[] record = new byte[recordBytes];
            try {
                memory.read(ring.headAddress(), record, 0, recordBytes);
            } catch (BusErrorException e) {
                return;
            }
            ring.advanceHead();
            registers.set(queue.consumer(), queue.read(), ring.head());
            sink.accept(record);
        }
    }

    private boolean isFull() {
        readPositions();
        return ring.isFull();
    }

    private void readPositions() {
        long laps = 2L * ring.entries() - 1;
        ring.setTail(queue.write().get(registers.get(queue.producer())) & laps);
        ring.setHead(queue.read().get(registers.get(queue.consumer())) & laps);
    }
}
