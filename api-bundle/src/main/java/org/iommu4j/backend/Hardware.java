package org.iommu4j.backend;

import java.util.function.Consumer;
import org.iommu4j.contract.Errno;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * A simulated chip. It never throws on what software or devices do to it: wrong commands and accesses end in its own error
 * registers and fault records.
 */
@ConsumerType
public interface Hardware {
    /** The generation and capabilities that it was made with. */
    HardwareConfig config();

    /**
     * Reads a register.
     *
     * @param offset in bytes from the start of the register block
     * @param sizeBytes 4 or 8
     * @return the value; 0 where there is no register
     */
    long readRegister(long offset, int sizeBytes);

    /** Writes a register and does what the write starts; a queue is consumed before this returns unless stepping. */
    void writeRegister(long offset, int sizeBytes, long value);

    /**
     * Executes a hypercall or instruction.
     *
     * @throws BackendException {@code ENOTTY} if the model has none
     */
    default void call(NativeCall call) {
        throw new BackendException(Errno.ENOTTY, "this model has registers, no hypercalls or instructions");
    }

    /** Translates one access of a device; the outcome stands in {@code access}. Allocates nothing unless it faults. */
    void translate(DmaAccess access);

    /**
     * A device asks for a page. Software that is to answer finds it in the chip's queue; an answer reaches the device by {@link
     * DevicePort#respond}, the chip's own answer, too.
     *
     * @return what becomes of it; a chip without page requests drops it
     */
    default PageRequest.Outcome request(PageRequest request) {
        return PageRequest.Outcome.DROPPED;
    }

    /** Holds back the queue: commands wait for {@link #step}. */
    void stepping(boolean on);

    /**
     * Lets the queue consume commands.
     *
     * @return how many it consumed, at most {@code commands}
     */
    int step(int commands);

    /** Registers, queue state and fault records; not the caches. */
    Snapshot save();

    /** Takes all fault and event records out of the chip's own queue or registers, as bytes in memory order. */
    void takeEvents(Consumer<byte[]> sink);

    /** Shows every cached translation. */
    void visitCache(CacheVisitor visitor);

    /** Commands, hits, walks and faults of the chip since it was made. */
    HardwareCounters counters();
}
