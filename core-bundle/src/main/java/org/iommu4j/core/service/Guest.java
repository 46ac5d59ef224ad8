package org.iommu4j.core.service;

import org.iommu4j.backend.NativeCall;
import org.osgi.annotation.versioning.ProviderType;

/**
 * A virtual IOMMU that follows its unit over swaps. Used by one thread at a time.
 *
 * <p>All methods throw {@link org.iommu4j.backend.BackendException}: {@code ENODEV} if no backend came in time,
 * {@code ESTALE} if the state was lost with a backend that crashed, {@code EIO} if the backend fails.
 */
@ProviderType
public interface Guest {
    /** The guest reads a register. */
    long readRegister(long offset, int sizeBytes);

    /** The guest writes a register. */
    void writeRegister(long offset, int sizeBytes, long value);

    /** The guest's queue holds a command. */
    void command(byte[] bytes);

    /** The guest makes a hypercall or executes an instruction. */
    void call(NativeCall call);

    /** A device of the guest is about to access memory. */
    void deviceAccess(int requester);

    /** A device of the guest is about to access memory with a PASID. */
    void deviceAccess(int requester, int pasid);

    /**
     * A device of the guest has caused a fault or another event, which the guest's own unit would have recorded. What the chip of its
     * unit records it is told by itself: this is for records from elsewhere.
     *
     * @param record as {@link Unit#takeEvents} gives it
     */
    void deviceEvent(byte[] record);

    /** Name of a command for statistics. */
    String commandName(byte[] bytes);
}
