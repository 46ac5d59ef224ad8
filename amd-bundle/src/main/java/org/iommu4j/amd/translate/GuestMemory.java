package org.iommu4j.amd.translate;

import org.iommu4j.amd.table.HostPde;
import org.iommu4j.amd.table.HostPte;
import org.iommu4j.backend.MemoryMapSupport;
import org.iommu4j.contract.Uapi;
import org.iommu4j.driver.table.EntryFormat;
import org.iommu4j.driver.table.MapPolicy;
import org.iommu4j.driver.table.MapTables;
import org.iommu4j.driver.table.MemoryMaps;

/**
 * The memory of a container: host (v1) tables of four levels, 48882 2.2.3, that the host writes in pages of its own, and that every
 * device of the container has below its guest tables.
 */
final class GuestMemory implements EntryFormat {
    /** Every chip with host tables has them, docs/spec/amd-vi.md 6.3 HATS; they cover 48 address bits. */
    private static final int LEVELS = 4;

    private static final int ADDRESS_BITS = 48;

    private GuestMemory() {}

    /** The memory maps that a chip can carry out. */
    static MemoryMaps<Domain> maps(ChipPort chip, MapPolicy<Domain> policy) {
        MemoryMapSupport support = chip.unit().hostLevels() >= LEVELS
                ? new MemoryMapSupport(MapTables.PAGE_SIZES, ADDRESS_BITS)
                : MemoryMapSupport.NONE;
        return new MemoryMaps<>(chip.port().platform(), new GuestMemory(), LEVELS, support, policy);
    }

    /** A context, without host table so far, with a map as its host table; what passed untranslated has this alone. */
    static Context below(Context context, MapTables map) {
        return context.aboveHost(map.root(), LEVELS);
    }

    // ---- entries of host tables; an EntryFormat counts levels from 0, the architecture from 1

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
