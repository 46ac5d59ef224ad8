package org.iommu4j.intel.translate;

import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.intel.table.ContextEntry;
import org.iommu4j.intel.table.RootEntry;
import org.iommu4j.intel.table.TableIndex;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/** Root table and context tables of legacy mode, VT-d 9.1 and 9.3. A context table is made for a bus when it is first needed. */
final class LegacyTables implements HostTables {
    /** Buses that a root table has entries for. */
    private static final int BUSES = 256;

    private final Platform platform;
    private final PhysicalMemory memory;
    private final long root;
    private final TreeMap<Integer, Long> contextTables = new TreeMap<>();

    /** Tables below a root table of zeroes. */
    LegacyTables(ChipPort chip, long root) {
        platform = chip.port().platform();
        memory = platform.memory();
        this.root = root;
    }

    @Override
    public long root() {
        return root;
    }

    @Override
    public boolean prepare(int requester, int pasid) {
        int bus = TableIndex.BUS.getInt(requester);
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

    @Override
    public boolean write(Device device, int pasid) {
        Stage stage = device.stage(pasid);
        if (stage == null) {
            block(device.requester());
        } else {
            write(device.requester(), word0(stage.translation(), device.deviceTlb()), word1(stage));
        }
        return true;
    }

    private static long word0(Translation translation, boolean deviceTlb) {
        int type = translation.passThrough()
                ? ContextEntry.PASS_THROUGH
                : deviceTlb ? ContextEntry.DEVICE_TLB : ContextEntry.UNTRANSLATED_ONLY;
        return ContextEntry.P.mask() | ContextEntry.TT.of(type) | ContextEntry.SSPTPTR.of(translation.table());
    }

    private static long word1(Stage stage) {
        return ContextEntry.AW.of(stage.translation().aw()) | ContextEntry.DID.of(stage.domainId());
    }

    @Override
    public void block(int requester) {
        write(requester, 0, 0);
    }

    /** Context tables stay: a bus that had a device will have one again. */
    @Override
    public void release(int requester) {}

    /** The entry is not present in between, so that the chip never sees half of each. */
    private void write(int requester, long word0, long word1) {
        Long table = contextTables.get(TableIndex.BUS.getInt(requester));
        if (table == null) {
            return;
        }
        long entry = table + TableIndex.DEVICE_FUNCTION.get(requester) * ContextEntry.BYTES;
        memory.writeLongLe(entry, 0);
        memory.writeLongLe(entry + Long.BYTES, word1);
        memory.writeLongLe(entry, word0);
    }

    @Override
    public void save(SnapshotWriter out) {
        out.putInt(contextTables.size());
        for (Map.Entry<Integer, Long> table : contextTables.entrySet()) {
            out.putInt(table.getKey()).putLong(table.getValue());
        }
    }

    @Override
    public void load(SnapshotReader in) {
        int count = in.getCount(BUSES);
        for (int i = 0; i < count; i++) {
            int bus = in.getIndex(BUSES, "bus");
            contextTables.put(bus, in.getPage("context table"));
        }
    }
}
