package org.iommu4j.amd.translate;

import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.iommu4j.amd.command.AmdViCapabilities;
import org.iommu4j.amd.command.AmdViRegisters.Efr;
import org.iommu4j.amd.command.BindPasid;
import org.iommu4j.amd.table.Gcr3Entry;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/** A GCR3 table of the host for one device, 48882 2.2.6; tables below the root are made when they are first needed. */
final class PasidTable {
    private static final int LEVEL_BITS = Gcr3Entry.LEVEL_BITS;
    private static final int ENTRIES = 1 << LEVEL_BITS;
    private static final int MOST_PASIDS = 1 << BindPasid.PASID.width();

    private final Platform platform;
    private final PhysicalMemory memory;
    private final long root;
    private final int levels;
    private final int guestPagingMode;

    /** Tables by level and first PASID, the root not among them. */
    private final Map<Long, Long> tables = new TreeMap<>();

    /** Guest tables by PASID. */
    private final Map<Integer, Long> bound = new TreeMap<>();

    private PasidTable(Platform platform, long root, int levels, int guestPagingMode) {
        this.platform = platform;
        memory = platform.memory();
        this.root = root;
        this.levels = levels;
        this.guestPagingMode = guestPagingMode;
    }

    /** Levels of the tables that the host makes: as many as the chip's PASIDs need and it can have. */
    static int levelsOn(AmdViCapabilities unit) {
        int needed = (unit.pasidBits() + LEVEL_BITS - 1) / LEVEL_BITS;
        return Math.max(1, Math.min(needed, Efr.GLX_SUP.getInt(unit.efr()) + 1));
    }

    /** Bits of a PASID that the tables of the host cover. */
    static int bitsOn(AmdViCapabilities unit) {
        return Math.min(unit.pasidBits(), LEVEL_BITS * levelsOn(unit));
    }

    /**
     * An empty table.
     *
     * @throws org.iommu4j.backend.BackendException {@code ENOMEM}
     */
    static PasidTable create(Platform platform, int levels, int guestPagingMode) {
        return new PasidTable(platform, platform.allocatePages(1), levels, guestPagingMode);
    }

    /** Goes on with a table that is there. */
    static PasidTable load(Platform platform, SnapshotReader in) {
        PasidTable table = new PasidTable(platform, in.getPage("GCR3 table"), in.getInt(), in.getInt());
        int count = in.getCount(ENTRIES * ENTRIES);
        for (int i = 0; i < count; i++) {
            table.tables.put(in.getLong(), in.getPage("GCR3 table"));
        }
        int pasids = in.getCount(MOST_PASIDS);
        for (int i = 0; i < pasids; i++) {
            table.bound.put(in.getInt(), in.getLong());
        }
        if (table.levels < 1 || table.levels > 3) {
            throw in.invalid("a GCR3 table of " + table.levels + " levels");
        }
        return table;
    }

    void save(SnapshotWriter out) {
        out.putLong(root).putInt(levels).putInt(guestPagingMode).putInt(tables.size());
        tables.forEach((key, table) -> out.putLong(key).putLong(table));
        out.putInt(bound.size());
        bound.forEach((pasid, table) -> out.putInt(pasid).putLong(table));
    }

    long root() {
        return root;
    }

    int levels() {
        return levels;
    }

    int guestPagingMode() {
        return guestPagingMode;
    }

    /** PASIDs that are bound. */
    int[] pasids() {
        return new TreeSet<>(bound.keySet())
                .stream().mapToInt(Integer::intValue).toArray();
    }

    /** The guest table of a PASID; null if it has none. */
    Long table(int pasid) {
        return bound.get(pasid);
    }

    /** True if no PASID is bound. */
    boolean isEmpty() {
        return bound.isEmpty();
    }

    /** True if the table reaches a PASID. */
    boolean covers(int pasid) {
        return pasid >>> (LEVEL_BITS * levels) == 0;
    }

    /**
     * Binds a PASID to a guest table.
     *
     * @throws org.iommu4j.backend.BackendException {@code ENOMEM}
     */
    void bind(int pasid, long guestTable) {
        memory.writeLongLe(entryOf(pasid), Gcr3Entry.ADDRESS.of(guestTable) | Gcr3Entry.V.mask());
        bound.put(pasid, guestTable);
    }

    /** Unbinds a PASID. */
    void unbind(int pasid) {
        memory.writeLongLe(entryOf(pasid), 0);
        bound.remove(pasid);
    }

    /** Gives all tables back. */
    void free() {
        tables.values().forEach(table -> platform.freePages(table, 1));
        platform.freePages(root, 1);
    }

    private long entryOf(int pasid) {
        long table = root;
        for (int level = levels - 1; level > 0; level--) {
            int shift = LEVEL_BITS * level;
            long at = table + (long) Gcr3Entry.index(pasid, level) * Gcr3Entry.BYTES;
            long key = (long) level << Integer.SIZE | pasid >>> shift;
            Long next = tables.get(key);
            if (next == null) {
                next = platform.allocatePages(1);
                tables.put(key, next);
                memory.writeLongLe(at, Gcr3Entry.ADDRESS.of(next) | Gcr3Entry.V.mask());
            }
            table = next;
        }
        return table + (long) Gcr3Entry.index(pasid, 0) * Gcr3Entry.BYTES;
    }
}
