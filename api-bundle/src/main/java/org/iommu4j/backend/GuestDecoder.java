package org.iommu4j.backend;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * A virtual IOMMU: keeps a guest's registers, reads the guest's structures when the guest invalidates them, and turns what
 * the guest does into contract requests.
 */
@ConsumerType
public interface GuestDecoder {
    /** The guest reads a register. */
    long readRegister(long offset, int sizeBytes);

    /** The guest writes a register. */
    void writeRegister(long offset, int sizeBytes, long value, GuestRequests sink);

    /**
     * The guest's queue holds a command, which the virtual IOMMU fetches.
     *
     * @param bytes the command in memory order
     */
    void command(byte[] bytes, GuestRequests sink);

    /** The guest makes a hypercall or executes an instruction; the outcome stands in {@code call}. */
    void call(NativeCall call, GuestRequests sink);

    /**
     * A device of the guest is about to access memory. A virtual IOMMU without caching mode learns only now of structures
     * that the guest made present without an invalidation.
     */
    void deviceAccess(int requester, GuestRequests sink);

    /**
     * A device of the guest is about to access memory with a PASID, which the structures may name apart from the device.
     */
    default void deviceAccess(int requester, int pasid, GuestRequests sink) {
        deviceAccess(requester, sink);
    }

    /**
     * The host's chip has recorded a fault or another event of a device of the guest. What the guest's own unit would have recorded,
     * if anything, is seen in the guest's registers and memory. A virtual IOMMU without such records does nothing.
     *
     * @param record as {@link Hardware#takeEvents} gives it; {@code requester} in it is the guest's
     */
    default void deviceEvent(byte[] record, GuestRequests sink) {}

    /**
     * A device of the guest has asked for pages. A virtual IOMMU that has page requests takes those that wait, {@link
     * GuestRequests#takePageRequests}, and does with each what its unit does: the guest finds it in its own queue, or the unit answers.
     */
    default void pageRequests(int requester, GuestRequests sink) {}

    /** Registers and what it knows of its guest. */
    Snapshot save();

    /** Name of a command for statistics, as the captures spell it; never null. */
    String commandName(byte[] bytes);
}
