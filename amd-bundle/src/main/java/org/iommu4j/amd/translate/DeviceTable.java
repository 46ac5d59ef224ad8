package org.iommu4j.amd.translate;

import java.util.BitSet;
import org.iommu4j.amd.command.AmdViRegisters.DevTabBase;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The host's device table, 48882 2.2.2. It covers whole buses and grows when a device of a higher one comes; DeviceIDs beyond it
 * are blocked by the chip, those in it by their entry: V=1, TV=0, IR=IW=0.
 */
final class DeviceTable {
    /** Device table entry of a blocked device. */
    static final long BLOCKED = DeviceTableEntry.V.mask();

    private static final int PAGE_BYTES = 4096;
    private static final int ENTRIES_OF_PAGE = PAGE_BYTES / DeviceTableEntry.BYTES;
    private static final int BUS_SHIFT = 8;
    private static final int MOST_PAGES = (1 << 16) / ENTRIES_OF_PAGE;
    private static final int PAGES_OF_BUS = (1 << BUS_SHIFT) / ENTRIES_OF_PAGE;

    private final NativePort port;
    private final Platform platform;
    private final PhysicalMemory memory;
    private final BitSet used = new BitSet();
    private long base;
    private int pages;

    private DeviceTable(NativePort port) {
        this.port = port;
        platform = port.platform();
        memory = platform.memory();
    }

    /** A table for bus 0, all of whose devices are blocked. */
    static DeviceTable create(NativePort port) {
        DeviceTable table = new DeviceTable(port);
        table.base = table.allocate(PAGES_OF_BUS);
        table.pages = PAGES_OF_BUS;
        return table;
    }

    /** Goes on with a table that is there. */
    static DeviceTable load(NativePort port, SnapshotReader in) {
        DeviceTable table = new DeviceTable(port);
        table.base = in.getPage("device table");
        table.pages = in.getIndex(MOST_PAGES + 1, "pages of the device table");
        if (!table.memory.contains(table.base, (long) table.pages * PAGE_BYTES)) {
            throw in.invalid("a device table of " + table.pages + " pages beyond the memory");
        }
        for (int deviceId = 0; deviceId < table.entries(); deviceId++) {
            if (table.memory.readLongLe(table.at(deviceId)) != BLOCKED) {
                table.used.set(deviceId);
            }
        }
        return table;
    }

    void save(SnapshotWriter out) {
        out.putLong(base).putInt(pages);
    }

    /** Tells the chip where the table is. */
    void publish() {
        port.write(DevTabBase.REGISTER, DevTabBase.BASE_ADDRESS.of(base) | DevTabBase.SIZE.of(pages - 1));
    }

    /** Number of entries. */
    int entries() {
        return pages * ENTRIES_OF_PAGE;
    }

    /**
     * Makes room for a device.
     *
     * @return where the table was that has been replaced, to be {@link #free}d when the chip has forgotten it; -1 if it stays
     * @throws org.iommu4j.backend.BackendException {@code ENOMEM}
     */
    long prepare(int deviceId) {
        if (deviceId < entries()) {
            return -1;
        }
        int wanted = Math.max(PAGES_OF_BUS, Integer.highestOneBit((deviceId / ENTRIES_OF_PAGE) | 1) << 1);
        long larger = allocate(wanted);
        for (long at = 0; at < (long) pages * PAGE_BYTES; at += Long.BYTES) {
            memory.writeLongLe(larger + at, memory.readLongLe(base + at));
        }
        long replaced = base;
        base = larger;
        pages = wanted;
        publish();
        return replaced;
    }

    /** Gives a table back that {@link #prepare} replaced. */
    void free(long replaced, int entries) {
        platform.freePages(replaced, entries / ENTRIES_OF_PAGE);
    }

    /** Gives the table back. */
    void free() {
        platform.freePages(base, pages);
    }

    /** Replaces a device's entry, which blocks in between, so that the chip never sees half of each. */
    void write(int deviceId, long word0, long word1, long word2) {
        if (deviceId >= entries()) {
            return;
        }
        if (word0 != BLOCKED) {
            used.set(deviceId);
        }
        long entry = at(deviceId);
        memory.writeLongLe(entry, BLOCKED);
        memory.writeLongLe(entry + 2 * Long.BYTES, word2);
        memory.writeLongLe(entry + Long.BYTES, word1);
        memory.writeLongLe(entry, word0);
    }

    private long at(int deviceId) {
        return base + (long) deviceId * DeviceTableEntry.BYTES;
    }

    /**
     * The next device whose entry ever did something else than block it, so that the chip may have that; -1 if there is none.
     *
     * @param from the first DeviceID that is looked at
     */
    int nextUsed(int from) {
        return used.nextSetBit(from);
    }

    /** How many devices {@link #nextUsed} names. */
    int countUsed() {
        return used.cardinality();
    }

    /** Blocks a device. */
    void block(int deviceId) {
        write(deviceId, BLOCKED, 0, 0);
    }

    private long allocate(int count) {
        long table = platform.allocatePages(count);
        for (int entry = 0; entry < count * ENTRIES_OF_PAGE; entry++) {
            memory.writeLongLe(table + (long) entry * DeviceTableEntry.BYTES, BLOCKED);
        }
        return table;
    }
}
