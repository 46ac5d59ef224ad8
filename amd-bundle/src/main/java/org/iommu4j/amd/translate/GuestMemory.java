package org.iommu4j.amd.translate;

import java.util.SortedMap;
import org.iommu4j.amd.command.AmdViCapabilities;
import org.iommu4j.amd.table.HostPde;
import org.iommu4j.amd.table.HostPte;
import org.iommu4j.backend.MemoryMapSupport;
import org.iommu4j.backend.Platform;
import org.iommu4j.contract.Mapping;
import org.iommu4j.contract.Uapi;
import org.iommu4j.driver.table.EntryFormat;
import org.iommu4j.driver.table.MapSection;
import org.iommu4j.driver.table.MapTables;
import org.iommu4j.simulation.snapshot.SnapshotReader;

/**
 * The memory of a container: host (v1) tables of four levels, 48882 2.2.3, that the host writes in pages of its own, and that every
 * device of the container has below its guest tables.
 */
final class GuestMemory {
    /** Every chip with host tables has them, docs/spec/amd-vi.md 6.3 HATS; they cover 48 address bits. */
    private static final int LEVELS = 4;

    private static final int ADDRESS_BITS = 48;
    private static final EntryFormat FORMAT = new Format();

    private final MapTables tables;

    /** A map with the tables of {@link #tables}. */
    GuestMemory(MapTables tables) {
        this.tables = tables;
    }

    /** Entries of host tables. An {@link EntryFormat} counts levels from 0, the architecture from 1. */
    private static final class Format implements EntryFormat {
        @Override
        public long table(int level, long pa) {
            return HostPde.PR.mask()
                    | HostPde.NEXT_LEVEL.of(level)
                    | HostPde.IR.mask()
                    | HostPde.IW.mask()
                    | HostPde.ADDRESS.of(pa);
        }

        @Override
        public long leaf(int level, long pa, int flags) {
            return HostPte.PR.mask()
                    | HostPte.NEXT_LEVEL.of(HostPte.DEFAULT_SIZE)
                    | ((flags & Uapi.MAP_FLAG_READ) != 0 ? HostPte.IR.mask() : 0)
                    | ((flags & Uapi.MAP_FLAG_WRITE) != 0 ? HostPte.IW.mask() : 0)
                    | HostPte.ADDRESS.of(pa);
        }

        @Override
        public boolean isPresent(long entry) {
            return HostPte.PR.isSet(entry);
        }

        @Override
        public boolean isTable(int level, long entry) {
            return HostPte.NEXT_LEVEL.get(entry) != HostPte.DEFAULT_SIZE;
        }

        @Override
        public long address(int level, long entry) {
            return HostPte.ADDRESS.get(entry);
        }
    }

    /** The memory maps that a chip can carry out. */
    static MemoryMapSupport support(AmdViCapabilities chip) {
        return chip.hostLevels() >= LEVELS
                ? new MemoryMapSupport(MapTables.PAGE_SIZES, ADDRESS_BITS)
                : MemoryMapSupport.NONE;
    }

    /**
     * Nothing is mapped.
     *
     * @throws org.iommu4j.backend.BackendException {@code ENOMEM}
     */
    static GuestMemory create(Platform platform) {
        return new GuestMemory(MapTables.create(platform, FORMAT, LEVELS));
    }

    /** Reads the maps that {@link MapSection#save} wrote, by the number of the domain. */
    static SortedMap<Integer, MapTables> load(Platform platform, SnapshotReader in) {
        return MapSection.load(platform, FORMAT, LEVELS, in);
    }

    /** The tables. */
    MapTables tables() {
        return tables;
    }

    /** A context, without host table so far, with this as its host table; what passed untranslated has this alone. */
    Context below(Context context) {
        return context.aboveHost(tables.root(), LEVELS);
    }

    /**
     * Adds a mapping.
     *
     * @throws org.iommu4j.backend.BackendException {@code ENOMEM}; then nothing has changed
     */
    void map(Mapping mapping) {
        tables.map(mapping);
    }

    /**
     * Removes what is mapped in a range; then come the invalidations, then {@link #release}.
     *
     * @return true if directory entries have to be invalidated, too
     */
    boolean unmap(long first, long last) {
        return tables.unmap(first, last);
    }

    /** Everything that was unmapped is out of all caches. */
    void release() {
        tables.release();
    }

    /** Nothing leads to the tables any more. */
    void free() {
        tables.free();
    }
}
