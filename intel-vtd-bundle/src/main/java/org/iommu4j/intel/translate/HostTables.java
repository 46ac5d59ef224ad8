package org.iommu4j.intel.translate;

import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.intel.table.ContextEntry;
import org.iommu4j.intel.table.RootEntry;

/** The host's root table and context tables, VT-d 9.1 and 9.3. A context table is made for a bus when it is first needed. */
final class HostTables {
    /** Buses that a root table has entries for. */
    static final int BUSES = 256;

    private final Platform platform;
    private final PhysicalMemory memory;
    private final long root;
    private final TreeMap<Integer, Long> contextTables = new TreeMap<>();

    /** Tables below a root table of zeroes. */
    HostTables(Platform platform, long root) {
        this.platform = platform;
        this.memory = platform.memory();
        this.root = root;
    }

    /** Address of the root table. */
    long root() {
        return root;
    }

    /** Address of each bus's context table. */
    Map<Integer, Long> contextTables() {
        return contextTables;
    }

    /** Takes over a context table that is there already. */
    void adopt(int bus, long table) {
        contextTables.put(bus, table);
    }

    /**
     * Makes the context table of a device's bus if there is none.
     *
     * @return true if it made one: the root entry was absent until now
     * @throws org.iommu4j.backend.BackendException {@code ENOMEM}
     */
    boolean prepare(int requester) {
        int bus = requester >>> 8;
        if (contextTables.containsKey(bus)) {
            return false;
        }
        long table = platform.allocatePages(1);
        contextTables.put(bus, table);
        long entry = root + (long) bus * RootEntry.BYTES;
        memory.writeLongLe(entry + Long.BYTES, 0);
        memory.writeLongLe(entry, RootEntry.CTP.of(table) | RootEntry.P.mask());
        return true;
    }

    /**
     * Replaces a device's context entry. The entry is not present in between, so that the chip never sees half of each.
     *
     * @param word0 first word; 0 to block the device
     * @param word1 second word
     */
    void write(int requester, long word0, long word1) {
        Long table = contextTables.get(requester >>> 8);
        if (table == null) {
            return;
        }
        long entry = table + (long) (requester & 0xff) * ContextEntry.BYTES;
        memory.writeLongLe(entry, 0);
        memory.writeLongLe(entry + Long.BYTES, word1);
        memory.writeLongLe(entry, word0);
    }
}
