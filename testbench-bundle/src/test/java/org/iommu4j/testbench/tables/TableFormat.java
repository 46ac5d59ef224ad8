package org.iommu4j.testbench.tables;

import org.iommu4j.backend.Backend;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;

/**
 * A format of page tables, and how a chip is told to use a table of it.
 *
 * @param name of the vendor, format and levels
 * @param shape how its tables are cut
 * @param entries how its entries look
 * @param ofDrivers true if a driver's own tables can have it, 512 little-endian entries a table; else tests write them
 * @param backend whose chip reads it
 * @param config of that chip
 * @param requester a device
 * @param pasid of its accesses
 * @param binding has the device translate through a table
 */
public record TableFormat(
        String name,
        TableShape shape,
        TableEntries entries,
        boolean ofDrivers,
        Backend backend,
        HardwareConfig config,
        int requester,
        int pasid,
        Binding binding) {

    /** Has a device translate through a table. */
    public interface Binding {
        void bind(TableMachine machine, int requester, long root);
    }

    /** A format whose device has no PASID. */
    TableFormat(
            String name,
            TableShape shape,
            TableEntries entries,
            boolean ofDrivers,
            Backend backend,
            HardwareConfig config,
            int requester,
            Binding binding) {
        this(name, shape, entries, ofDrivers, backend, config, requester, DmaAccess.NO_PASID, binding);
    }

    /** Empty tables. */
    PageTables create(TablePool pool) {
        return ofDrivers ? new HostMapTables(shape, entries, pool) : new PlainTables(shape, entries, pool);
    }

    @Override
    public String toString() {
        return name;
    }
}
