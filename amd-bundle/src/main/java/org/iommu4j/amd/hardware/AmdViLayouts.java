package org.iommu4j.amd.hardware;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.AmdViEvent;
import org.iommu4j.amd.command.BindPasid;
import org.iommu4j.amd.command.BindPasidTable;
import org.iommu4j.amd.command.BindPgtable;
import org.iommu4j.amd.command.PageServiceRequest;
import org.iommu4j.amd.command.UnitRegisters;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.iommu4j.amd.table.Gcr3Entry;
import org.iommu4j.amd.table.GuestPte;
import org.iommu4j.amd.table.HostPde;
import org.iommu4j.amd.table.HostPte;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;

/** Every layout of this release, for explanations and documentation. */
public final class AmdViLayouts {
    private AmdViLayouts() {}

    /** Contract payloads, commands, structures in memory, log entries, registers; each layout once. */
    public static List<Layout> all() {
        Set<Layout> layouts = new LinkedHashSet<>(payloads());
        for (AmdViCommand command : AmdViCommand.values()) {
            layouts.add(command.layout());
        }
        layouts.addAll(structures());
        for (Register register : UnitRegisters.all()) {
            layouts.add(register.layout());
        }
        return new ArrayList<>(layouts);
    }

    /** Layouts of the contract's vendor parts, besides commands. */
    static List<Layout> payloads() {
        return List.of(
                BindPgtable.LAYOUT,
                BindPgtable.FLAGS_LAYOUT,
                BindPasidTable.LAYOUT,
                BindPasidTable.FLAGS_LAYOUT,
                BindPasid.LAYOUT,
                BindPasid.FLAGS_LAYOUT);
    }

    /** Structures in memory and log entries. */
    static List<Layout> structures() {
        List<Layout> structures = new ArrayList<>(List.of(
                DeviceTableEntry.LAYOUT,
                HostPde.LAYOUT,
                HostPte.LAYOUT,
                Gcr3Entry.LAYOUT,
                GuestPte.LAYOUT,
                PageServiceRequest.LAYOUT));
        for (AmdViEvent event : AmdViEvent.values()) {
            structures.add(event.layout());
        }
        return structures;
    }
}
