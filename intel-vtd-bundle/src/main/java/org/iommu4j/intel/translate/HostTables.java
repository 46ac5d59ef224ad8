package org.iommu4j.intel.translate;

import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The host's own tables, in which the chip finds how each device is bound: {@link LegacyTables} and {@link ScalableTables}. Writing an
 * entry tells the chip nothing; {@link Removals} do.
 */
interface HostTables {
    /** Address of the root table. */
    long root();

    /**
     * Makes what is missing for an entry of a device.
     *
     * @return true if the root entry was absent until now
     * @throws org.iommu4j.backend.BackendException {@code ENOMEM}
     */
    boolean prepare(int requester, int pasid);

    /**
     * Replaces the entry for requests of one PASID by what the device's binding says; its context entry, too, where that changes.
     *
     * @return true if the context entry has changed: everything that the chip keeps of the device has to go
     */
    boolean write(Device device, int pasid);

    /** Blocks a device: its context entry is absent. */
    void block(int requester);

    /** Gives back what only one device needed. It is blocked, and the chip keeps nothing of it. */
    void release(int requester);

    /** Writes which tables there are. */
    void save(SnapshotWriter out);

    /**
     * Takes over tables that are there already.
     *
     * @throws org.iommu4j.backend.BackendException {@code EINVAL} if the state cannot be that of such tables
     */
    void load(SnapshotReader in);
}
