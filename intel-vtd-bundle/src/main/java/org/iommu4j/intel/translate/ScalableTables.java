package org.iommu4j.intel.translate;

import java.util.TreeMap;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.driver.table.TablePages;
import org.iommu4j.intel.table.ScalableContextEntry;
import org.iommu4j.intel.table.ScalableRootEntry;
import org.iommu4j.intel.table.TableIndex;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * Root table, context tables, and a directory of PASIDs for each device, of scalable mode: VT-d 9.2 and 9.4 to 9.6. A context table
 * is made for half of a bus, and a directory for a device, when they are first needed. Requests without PASID are those of PASID 0.
 */
final class ScalableTables implements HostTables {
    private static final int HALF_BUSES = 512;
    private static final int REQUESTERS = 1 << 16;

    private final ChipPort chip;
    private final PhysicalMemory memory;
    private final long root;

    /** By half of a bus. */
    private final TablePages contextTables;

    /** Directories by requester. */
    private final TreeMap<Integer, PasidDirectory> directories = new TreeMap<>();

    /** Tables below a root table of zeroes. */
    ScalableTables(ChipPort chip, long root) {
        this.chip = chip;
        Platform platform = chip.port().platform();
        memory = platform.memory();
        this.root = root;
        contextTables = new TablePages(platform, HALF_BUSES, "half of a bus", "context table");
    }

    @Override
    public long root() {
        return root;
    }

    @Override
    public boolean prepare(int requester, int pasid) {
        PasidDirectory directory = directories.get(requester);
        if (directory == null) {
            directory = PasidDirectory.create(chip);
            directories.put(requester, directory);
        }
        directory.prepare(pasid);
        int half = TableIndex.HALF_BUS.getInt(requester);
        if (contextTables.has(half)) {
            return false;
        }
        long table = contextTables.make(half);
        memory.writeLongLe(
                ScalableRootEntry.addressOf(root, requester),
                ScalableRootEntry.CTP.of(table) | ScalableRootEntry.P.mask());
        return true;
    }

    @Override
    public boolean write(Device device, int pasid) {
        PasidDirectory directory = directories.get(device.requester());
        directory.write(pasid, device.stage(pasid));
        long word0 = device.isBlocked()
                ? 0
                : ScalableContextEntry.P.mask()
                        | (device.deviceTlb() ? ScalableContextEntry.DTE.mask() : 0)
                        | (device.pageRequests() ? ScalableContextEntry.PRE.mask() : 0)
                        | (device.hasPasids() ? ScalableContextEntry.PASIDE.mask() : 0)
                        | ScalableContextEntry.PDTS.of(directory.sizeCode())
                        | ScalableContextEntry.PASIDDIRPTR.of(directory.address());
        long entry = entryOf(device.requester());
        boolean changed = memory.readLongLe(entry) != word0;
        if (changed) {
            memory.writeLongLe(entry, word0);
        }
        return changed;
    }

    @Override
    public void block(int requester) {
        if (contextTables.has(TableIndex.HALF_BUS.getInt(requester))) {
            memory.writeLongLe(entryOf(requester), 0);
        }
        PasidDirectory directory = directories.get(requester);
        if (directory != null) {
            directory.clear();
        }
    }

    @Override
    public void release(int requester) {
        PasidDirectory directory = directories.remove(requester);
        if (directory != null) {
            directory.free();
        }
    }

    /** The first word of a context entry: the driver leaves the others 0. */
    private long entryOf(int requester) {
        return ScalableContextEntry.addressOf(contextTables.address(TableIndex.HALF_BUS.getInt(requester)), requester);
    }

    @Override
    public void save(SnapshotWriter out) {
        contextTables.save(out);
        out.putInt(directories.size());
        directories.forEach((requester, directory) -> {
            out.putInt(requester);
            directory.save(out);
        });
    }

    @Override
    public void load(SnapshotReader in) {
        contextTables.load(in);
        int count = in.getCount(REQUESTERS);
        for (int i = 0; i < count; i++) {
            int requester = in.getIndex(REQUESTERS, "requester");
            if (!contextTables.has(TableIndex.HALF_BUS.getInt(requester))) {
                throw in.invalid(
                        "a directory of requester 0x" + Integer.toHexString(requester) + " without context table");
            }
            directories.put(requester, PasidDirectory.load(chip, in));
        }
    }
}
