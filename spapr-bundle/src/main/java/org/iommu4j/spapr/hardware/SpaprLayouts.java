package org.iommu4j.spapr.hardware;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;
import org.iommu4j.spapr.command.BindPgtable;
import org.iommu4j.spapr.command.InvalidateData;
import org.iommu4j.spapr.command.PestEntry;
import org.iommu4j.spapr.command.SpaprCommand;
import org.iommu4j.spapr.command.SpaprRegisters;
import org.iommu4j.spapr.table.Tce;
import org.iommu4j.spapr.table.Tve;

/** Every layout of this release, for explanations and documentation. */
public final class SpaprLayouts {
    private SpaprLayouts() {}

    /** Contract payloads, commands, structures in memory and the fault record; each layout once. */
    public static List<Layout> all() {
        Set<Layout> layouts = new LinkedHashSet<>(payloads());
        for (SpaprCommand command : SpaprCommand.values()) {
            layouts.add(command.layout());
        }
        layouts.addAll(structures());
        for (Register register : SpaprRegisters.all()) {
            layouts.add(register.layout());
        }
        return new ArrayList<>(layouts);
    }

    /** Vendor parts of the contract. */
    static List<Layout> payloads() {
        return List.of(InvalidateData.LAYOUT, BindPgtable.LAYOUT, BindPgtable.FLAGS_LAYOUT);
    }

    /** Structures in memory and the fault record. */
    static List<Layout> structures() {
        return List.of(Tce.LAYOUT, Tve.LAYOUT, Tve.RANGE_LAYOUT, PestEntry.LAYOUT);
    }
}
