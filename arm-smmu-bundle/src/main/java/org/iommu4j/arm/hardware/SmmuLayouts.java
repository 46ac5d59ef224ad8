package org.iommu4j.arm.hardware;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.iommu4j.arm.command.BindPageTable;
import org.iommu4j.arm.command.BindPasid;
import org.iommu4j.arm.command.BindPasidTable;
import org.iommu4j.arm.command.EventType;
import org.iommu4j.arm.command.PageRequestEntry;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuRegisters;
import org.iommu4j.arm.command.Smmuv2Register;
import org.iommu4j.arm.table.ContextDescriptor;
import org.iommu4j.arm.table.ContextLevel1;
import org.iommu4j.arm.table.Stage1Descriptor;
import org.iommu4j.arm.table.Stage2Descriptor;
import org.iommu4j.arm.table.StreamTableEntry;
import org.iommu4j.arm.table.StreamTableLevel1;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;

/** Every layout of this release, for explanations and documentation. */
public final class SmmuLayouts {
    private SmmuLayouts() {}

    /** Contract payloads, commands, records, structures in memory, registers; each layout once. */
    public static List<Layout> all() {
        Set<Layout> layouts = new LinkedHashSet<>(payloads());
        Stream.of(SmmuCommand.values()).map(SmmuCommand::layout).forEach(layouts::add);
        Stream.of(Smmuv2Register.values()).map(Smmuv2Register::layout).forEach(layouts::add);
        layouts.addAll(records());
        layouts.addAll(structures());
        SmmuRegisters.all().stream().map(Register::layout).forEach(layouts::add);
        return new ArrayList<>(layouts);
    }

    /** Layouts of the contract's vendor parts, besides commands. */
    static List<Layout> payloads() {
        return List.of(
                BindPasidTable.LAYOUT,
                BindPageTable.LAYOUT,
                BindPageTable.CONTEXTS,
                BindPasid.LAYOUT,
                BindPasidTable.FLAGS_LAYOUT);
    }

    /** Event records and page requests. */
    static List<Layout> records() {
        return Stream.concat(Stream.of(EventType.values()).map(EventType::layout), Stream.of(PageRequestEntry.LAYOUT))
                .toList();
    }

    /** Structures in memory. */
    static List<Layout> structures() {
        return List.of(
                StreamTableEntry.LAYOUT,
                StreamTableLevel1.LAYOUT,
                ContextDescriptor.LAYOUT,
                ContextLevel1.LAYOUT,
                Stage1Descriptor.LAYOUT,
                Stage2Descriptor.LAYOUT);
    }
}
