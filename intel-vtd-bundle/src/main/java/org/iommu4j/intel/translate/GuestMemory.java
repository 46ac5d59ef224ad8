package org.iommu4j.intel.translate;

import java.util.SortedMap;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.MemoryMapSupport;
import org.iommu4j.contract.Mapping;
import org.iommu4j.contract.Uapi;
import org.iommu4j.driver.table.EntryFormat;
import org.iommu4j.driver.table.MapSection;
import org.iommu4j.driver.table.MapTables;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.table.Agaw;
import org.iommu4j.intel.table.SlPte;
import org.iommu4j.simulation.snapshot.SnapshotReader;

/**
 * The memory of a container: second-stage tables, VT-d 9.8, that the host writes, in pages of its own, and that lie below all that
 * devices of the container are bound to. Their width is the widest of the chip that its devices' addresses need.
 */
final class GuestMemory {
    private final MapTables tables;
    private final int aw;

    private GuestMemory(MapTables tables, int aw) {
        this.tables = tables;
        this.aw = aw;
    }

    /**
     * Second-stage entries, in the form that legacy and scalable mode share.
     *
     * @param highestLeaf as CAP.SSLPS has it: 1 with pages of 2 MiB, 2 with those of 1 GiB, too
     */
    private record Format(int highestLeaf) implements EntryFormat {
        static Format of(ChipPort chip) {
            return new Format(Long.bitCount(Cap.SSLPS.get(chip.cap())));
        }

        @Override
        public long table(int level, long pa) {
            return SlPte.R.mask() | SlPte.W.mask() | SlPte.ADDR.of(pa);
        }

        @Override
        public long leaf(int level, long pa, int flags) {
            return SlPte.R.of((flags & Uapi.MAP_FLAG_READ) != 0 ? 1 : 0)
                    | SlPte.W.of((flags & Uapi.MAP_FLAG_WRITE) != 0 ? 1 : 0)
                    | SlPte.PS.of(level == 0 ? 0 : 1)
                    | SlPte.ADDR.of(pa);
        }

        @Override
        public boolean isPresent(long entry) {
            return SlPte.R.isSet(entry) || SlPte.W.isSet(entry);
        }

        @Override
        public boolean isTable(int level, long entry) {
            return level != 0 && !SlPte.PS.isSet(entry);
        }

        @Override
        public long address(int level, long entry) {
            return SlPte.ADDR.get(entry);
        }
    }

    /** The map of a chip: addresses as wide as its second-stage tables and its devices, in scalable mode if it has such tables. */
    static MemoryMapSupport support(ChipPort chip) {
        int aw = aw(chip);
        return aw < 0 || (chip.isScalable() && !Ecap.SSTS.isSet(chip.ecap()))
                ? MemoryMapSupport.NONE
                : new MemoryMapSupport(
                        MapTables.pageSizes(Format.of(chip)), Math.min(Agaw.width(aw), chip.maxAddressBits()));
    }

    private static int aw(ChipPort chip) {
        return Agaw.widest(Cap.SAGAW.get(chip.cap()), chip.maxAddressBits());
    }

    /**
     * Nothing is mapped.
     *
     * @throws BackendException {@code ENOMEM}
     */
    static GuestMemory create(ChipPort chip) {
        int aw = aw(chip);
        return new GuestMemory(MapTables.create(chip.port().platform(), Format.of(chip), Agaw.levels(aw)), aw);
    }

    /**
     * Goes on with tables that are there.
     *
     * @param tables as {@link #tables} gave them
     */
    static GuestMemory of(MapTables tables, ChipPort chip) {
        return new GuestMemory(tables, aw(chip));
    }

    /** Reads the maps that {@link MapSection#save} wrote, by the number of the domain. */
    static SortedMap<Integer, MapTables> load(ChipPort chip, SnapshotReader in) {
        return MapSection.load(chip.port().platform(), Format.of(chip), Agaw.levels(aw(chip)), in);
    }

    /** The tables. */
    MapTables tables() {
        return tables;
    }

    /** A binding that a guest asks for, above this memory: its first stage nested, its pass-through as what the memory alone translates. */
    Translation below(Translation guest) {
        return guest.isFirstStage()
                ? guest.above(tables.root(), aw)
                : guest.passThrough() ? Translation.ofSecondStage(tables.root(), aw) : guest;
    }

    /**
     * Adds a mapping.
     *
     * @throws BackendException {@code ENOMEM}; then nothing has changed
     */
    void map(Mapping mapping) {
        tables.map(mapping);
    }

    /**
     * Removes what is mapped in a range; then come the invalidations, then {@link #release}.
     *
     * @return true if entries that lead to tables were removed, too
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
