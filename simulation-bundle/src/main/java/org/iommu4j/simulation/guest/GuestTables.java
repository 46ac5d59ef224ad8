package org.iommu4j.simulation.guest;

import org.iommu4j.backend.GuestRequests;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * A guest's device tables in memory, and the requests by which a device follows them. A vendor implements it.
 *
 * @param <B> a device's binding; equal bindings are the same
 */
public interface GuestTables<B> {
    /** The binding of a device as the tables are now; null if they block it. */
    B read(int requester, GuestRequests sink);

    /**
     * Moves a device into the container of its domain if it is not there, and binds it.
     *
     * @param before the binding that is replaced; null if the device was blocked
     * @return false if the container refuses
     */
    boolean bind(int requester, B before, B after, GuestRequests sink);

    /** Unbinds a device and moves it out of its container. */
    void unbind(int requester, B before, GuestRequests sink);

    /** Writes a binding. */
    void save(B binding, SnapshotWriter out);

    /**
     * Reads what {@link #save} wrote.
     *
     * @throws org.iommu4j.backend.BackendException {@code EINVAL} if it can be no binding
     */
    B load(int requester, SnapshotReader in);
}
