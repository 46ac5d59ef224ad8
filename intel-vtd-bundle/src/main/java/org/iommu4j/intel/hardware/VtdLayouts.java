package org.iommu4j.intel.hardware;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.iommu4j.intel.command.BindPasid;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.intel.command.ExtendedIotlbInvalidate;
import org.iommu4j.intel.command.FaultRecord;
import org.iommu4j.intel.command.PageRequestRecord;
import org.iommu4j.intel.command.RegisterImage;
import org.iommu4j.intel.command.UnitRegisters;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.table.ContextEntry;
import org.iommu4j.intel.table.FsPte;
import org.iommu4j.intel.table.HostPermissionEntry;
import org.iommu4j.intel.table.PasidDirectoryEntry;
import org.iommu4j.intel.table.PasidEntry;
import org.iommu4j.intel.table.RootEntry;
import org.iommu4j.intel.table.ScalableContextEntry;
import org.iommu4j.intel.table.ScalableRootEntry;
import org.iommu4j.intel.table.SlPte;
import org.iommu4j.intel.table.SsPte;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;

/** Every layout of this release, for explanations and documentation. */
public final class VtdLayouts {
    private VtdLayouts() {}

    /** Contract payloads, descriptors, fault record, structures in memory, registers; each layout once. */
    public static List<Layout> all() {
        Set<Layout> layouts = new LinkedHashSet<>();
        layouts.addAll(payloads());
        for (VtdCommand command : VtdCommand.values()) {
            layouts.add(command.layout());
        }
        layouts.addAll(structures());
        for (Register register : UnitRegisters.all()) {
            layouts.add(register.layout());
        }
        return new ArrayList<>(layouts);
    }

    /** Vendor parts of the contract, besides descriptors. */
    static List<Layout> payloads() {
        return List.of(
                RegisterImage.LAYOUT,
                BindPgtable.LAYOUT,
                BindPgtable.FLAGS_LAYOUT,
                BindPasid.LAYOUT,
                BindPasid.FLAGS_LAYOUT,
                ExtendedIotlbInvalidate.LAYOUT);
    }

    /** Structures in memory and the fault record. */
    static List<Layout> structures() {
        return List.of(
                RootEntry.LAYOUT,
                ContextEntry.LAYOUT,
                SlPte.LAYOUT,
                ScalableRootEntry.LAYOUT,
                ScalableContextEntry.LAYOUT,
                PasidDirectoryEntry.LAYOUT,
                PasidEntry.LAYOUT,
                FsPte.LAYOUT,
                SsPte.LAYOUT,
                HostPermissionEntry.LAYOUT,
                FaultRecord.LAYOUT,
                PageRequestRecord.LAYOUT);
    }
}
