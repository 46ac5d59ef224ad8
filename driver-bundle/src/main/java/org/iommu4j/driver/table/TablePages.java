package org.iommu4j.driver.table;

import java.util.TreeMap;
import java.util.function.LongConsumer;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Platform;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/** Tables of one kind that the host keeps, of a page each, by number. They are made when they are first needed. */
public final class TablePages {
    private final Platform platform;
    private final int most;
    private final String numbered;
    private final String name;
    private final TreeMap<Integer, Long> addresses = new TreeMap<>();

    /**
     * None yet.
     *
     * @param most how many there can be: numbers are 0 to most - 1
     * @param numbered what a number names, for messages
     * @param name of a table, for messages
     */
    public TablePages(Platform platform, int most, String numbered, String name) {
        this.platform = platform;
        this.most = most;
        this.numbered = numbered;
        this.name = name;
    }

    /** True if there is a table of a number. */
    public boolean has(int number) {
        return addresses.containsKey(number);
    }

    /** Address of a table that is there. */
    public long address(int number) {
        return addresses.get(number);
    }

    /**
     * Makes the table of a number, of zeroes.
     *
     * @throws BackendException {@code ENOMEM}
     */
    public long make(int number) {
        long address = platform.allocatePages(1);
        addresses.put(number, address);
        return address;
    }

    /** Does something with the address of each. */
    public void forEach(LongConsumer action) {
        addresses.values().forEach(action::accept);
    }

    /** Gives all pages back. */
    public void free() {
        forEach(address -> platform.freePages(address, 1));
    }

    /** Writes count of tables [int number, long address]. */
    public void save(SnapshotWriter out) {
        out.putInt(addresses.size());
        addresses.forEach((number, address) -> out.putInt(number).putLong(address));
    }

    /**
     * Takes over tables that are there already.
     *
     * @throws BackendException {@code EINVAL} for a number or an address that cannot be
     */
    public void load(SnapshotReader in) {
        int count = in.getCount(most);
        for (int i = 0; i < count; i++) {
            int number = in.getIndex(most, numbered);
            addresses.put(number, in.getPage(name));
        }
    }
}
