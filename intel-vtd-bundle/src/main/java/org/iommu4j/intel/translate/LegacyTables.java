package org.iommu4j.intel.translate;

import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.driver.table.TablePages;
import org.iommu4j.intel.table.ContextEntry;
import org.iommu4j.intel.table.RootEntry;
import org.iommu4j.intel.table.TableIndex;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/** Root table and context tables of legacy mode, VT-d 9.1 and 9.3. A context table is made for a bus when it is first needed. */
final class LegacyTables implements HostTables {
    /** Buses that a root table has entries for. */
    private static final int BUSES = 256;

    private final PhysicalMemory memory;
    private final long root;

    /** By bus. */
    private final TablePages contextTables;

    /** Tables below a root table of zeroes. */
    LegacyTables(ChipPort chip, long root) {
        Platform platform = chip.port().platform();
        memory = platform.memory();
        this.root = root;
        contextTables = new TablePages(platform, BUSES, "bus", "context table");
    }

    @Override
    public long root() {
        return root;
    }

    @Override
    public boolean prepare(int requester, int pasid) {
        int bus = TableIndex.BUS.getInt(requester);
        if (contextTables.has(bus)) {
            return false;
        }
        long table = contextTables.make(bus);
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
        int bus = TableIndex.BUS.getInt(requester);
        if (!contextTables.has(bus)) {
            return;
        }
        long entry = contextTables.address(bus) + TableIndex.DEVICE_FUNCTION.get(requester) * ContextEntry.BYTES;
        memory.writeLongLe(entry, 0);
        memory.writeLongLe(entry + Long.BYTES, word1);
        memory.writeLongLe(entry, word0);
    }

    @Override
    public void save(SnapshotWriter out) {
        contextTables.save(out);
    }

    @Override
    public void load(SnapshotReader in) {
        contextTables.load(in);
    }
}
