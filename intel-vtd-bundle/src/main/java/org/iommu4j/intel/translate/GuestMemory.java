package org.iommu4j.intel.translate;

import org.iommu4j.backend.MemoryMapSupport;
import org.iommu4j.contract.Uapi;
import org.iommu4j.driver.table.EntryFormat;
import org.iommu4j.driver.table.MapPolicy;
import org.iommu4j.driver.table.MapTables;
import org.iommu4j.driver.table.MemoryMaps;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.table.Agaw;
import org.iommu4j.intel.table.SlPte;

/**
 * The memory of a container: second-stage tables, VT-d 9.8, that the host writes, in pages of its own, and that lie below all that
 * devices of the container are bound to. Their width is the widest of the chip that its devices' addresses need.
 * Legacy and scalable mode share the form of the entries.
 *
 * @param highestLeaf as CAP.SSLPS has it: 1 with pages of 2 MiB, 2 with those of 1 GiB, too
 */
record GuestMemory(int highestLeaf) implements EntryFormat {
    /** The maps of a chip: addresses as wide as its second-stage tables and its devices, in scalable mode if it has such tables. */
    static MemoryMaps<Domain> maps(ChipPort chip, MapPolicy<Domain> policy) {
        int aw = Agaw.widest(Cap.SAGAW.get(chip.cap()), chip.maxAddressBits());
        EntryFormat format = new GuestMemory(Long.bitCount(Cap.SSLPS.get(chip.cap())));
        MemoryMapSupport support = aw < 0 || (chip.isScalable() && !Ecap.SSTS.isSet(chip.ecap()))
                ? MemoryMapSupport.NONE
                : new MemoryMapSupport(MapTables.pageSizes(format), Math.min(Agaw.width(aw), chip.maxAddressBits()));
        return new MemoryMaps<>(chip.port().platform(), format, Agaw.levels(aw), support, policy);
    }

    /** A binding that a guest asks for, above a map: its first stage nested, its pass-through as what the map alone translates. */
    static Translation below(Translation guest, MapTables map) {
        int aw = Agaw.ofLevels(map.levels());
        return guest.isFirstStage()
                ? guest.above(map.root(), aw)
                : guest.passThrough() ? Translation.ofSecondStage(map.root(), aw) : guest;
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
