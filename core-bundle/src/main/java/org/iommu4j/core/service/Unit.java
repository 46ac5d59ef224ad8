package org.iommu4j.core.service;

import java.util.List;
import java.util.function.Consumer;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheVisitor;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.HardwareCounters;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.osgi.annotation.versioning.ProviderType;

/**
 * One chip with its memory, whichever backend serves it. Calls from several threads are carried out one after the other.
 * While no backend serves the model, or a swap moves the unit, calls wait as {@link ContainerConfig#waitNanos} and
 * {@link #DMA_WAIT_NANOS} say; then they fail closed: an access is blocked, a register reads as zero, requests are answered
 * with {@code ENODEV}, and everything else throws {@link org.iommu4j.backend.BackendException} with {@code ENODEV}.
 *
 * <p>A tap, an interrupt sink or a device port is called from inside the unit and must not call it: that is refused with
 * {@code EBUSY}. Whatever a backend throws becomes {@code EIO}.
 */
@ProviderType
public interface Unit extends AutoCloseable {
    /** Longest wait in nanoseconds of a device access or a register access for a backend. */
    long DMA_WAIT_NANOS = 5_000_000_000L;

    /** The number of the unit, unique within the core. */
    int id();

    /** The model of the unit's chip. */
    IommuModel model();

    /** The generation of its chip. */
    int subVersion();

    /** True if it has no driver. */
    boolean bare();

    /** The machine of the unit; it stays the same over swaps. */
    Platform platform();

    /**
     * Opens a container: a client's view of one domain.
     *
     * @throws org.iommu4j.backend.BackendException with the reason of a refused agreement, or {@code ENOSPC}
     */
    Container openContainer(ContainerConfig config);

    /** The open containers. */
    List<Container> containers();

    /**
     * A virtual IOMMU in front of this unit.
     *
     * @param config what the guest sees
     */
    Guest openGuest(HardwareConfig config, GuestRequests sink);

    /** One access of a device. Without a backend in time it is blocked. */
    void dma(DmaAccess access);

    /** A device asks for a page. Without a backend in time, or where the chip has no page requests, it is dropped. */
    default PageRequest.Outcome request(PageRequest request) {
        return PageRequest.Outcome.DROPPED;
    }

    /** Reads a register of the chip. */
    long readRegister(long offset, int sizeBytes);

    /** Writes a register of the chip. */
    void writeRegister(long offset, int sizeBytes, long value);

    /** Makes a hypercall or executes an instruction on the chip. */
    void call(NativeCall call);

    /** Holds back the chip's queue. */
    void stepping(boolean on);

    /** Lets the chip's queue consume commands. */
    int step(int commands);

    /** Takes all fault and event records. */
    void takeEvents(Consumer<byte[]> sink);

    /** Shows every cached translation. */
    void visitCache(CacheVisitor visitor);

    /**
     * As {@link #visitCache(CacheVisitor)}, with another longest wait for a backend than {@link #DMA_WAIT_NANOS}.
     *
     * @param waitNanos in nanoseconds; 0 not to wait
     */
    default void visitCache(CacheVisitor visitor, long waitNanos) {
        visitCache(visitor);
    }

    /**
     * True if a call that is made now would wait: a swap moves the unit, or nobody serves its model. It tells what is, and
     * promises nothing.
     */
    default boolean waits() {
        return false;
    }

    /**
     * Chips that it has had, the present one included: 1 until a swap gives it another one. The number grows before the new
     * chip can be reached, so that all calls between two equal answers went to one chip.
     */
    int chips();

    /** The counters of the unit's chips since it was opened, over all swaps. */
    HardwareCounters hardwareCounters();

    /** Shows each native command that the driver writes; null for nobody. It stays over swaps. */
    void tap(NativeCommandListener listener);

    /**
     * Resets the chip: it and its driver start anew, with empty caches and nothing recorded. Memory stays. Domains, devices and
     * bindings of its containers are brought back; a bare chip is as it was when the unit was opened. A unit that was
     * {@linkplain #unplug unplugged} is there again.
     *
     * @throws BackendException what the backend throws; then the unit is as before, with {@code EOPNOTSUPP} where that cannot be
     *     done at all, {@code EBUSY} while virtual IOMMUs stand before it
     */
    default void reset() {
        throw new BackendException(Errno.EOPNOTSUPP, "this unit cannot be reset");
    }

    /**
     * The state of a bare chip, as a swap would save it; the chip goes on.
     *
     * @throws BackendException as {@link #reset}; {@code EOPNOTSUPP} if it has a driver, whose state is of no use without the
     *     machine that it is in
     */
    default Snapshot save() {
        throw new BackendException(Errno.EOPNOTSUPP, "the state of this unit cannot be saved");
    }

    /**
     * Makes a bare chip go on from a state of {@link #save}, of this unit or of another one whose memory is the same. Its caches
     * start empty.
     *
     * @throws BackendException as {@link #save}
     */
    default void restore(Snapshot state) {
        throw new BackendException(Errno.EOPNOTSUPP, "this unit cannot take a saved state");
    }

    /**
     * Takes the chip from its bus, as by surprise: until the unit is {@linkplain #reset reset} its registers read as all ones,
     * for its driver too; what is written to them goes nowhere, calls do not arrive, and accesses of devices are blocked.
     */
    default void unplug() {
        throw new BackendException(Errno.EOPNOTSUPP, "this unit cannot be unplugged");
    }

    /** Closes its containers and the chip. */
    @Override
    void close();
}
