package org.iommu4j.arm.hardware;

import java.util.List;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.arm.command.EventType;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuRegisters;
import org.iommu4j.arm.command.SmmuSettings;
import org.iommu4j.arm.command.Smmuv2Register;
import org.iommu4j.testing.GeneratedDocs;
import org.iommu4j.testing.LayoutChecks;
import org.iommu4j.testing.LayoutDocs;
import org.junit.jupiter.api.Test;

class SmmuLayoutDocsTest {
    @Test
    void shouldKeepDocumentationCurrent() {
        String text = "# Arm SMMU: layouts\n\nGenerated from the code by SmmuLayoutDocsTest; do not edit.\n\n"
                + "## Contract payloads\n\n"
                + LayoutDocs.layouts(SmmuLayouts.payloads())
                + "\n## Commands\n\n"
                + LayoutDocs.commands(List.of(SmmuCommand.values()))
                + "\n## Writes to registers of an SMMUv2\n\n"
                + "What guests of generation 0x0200 send in place of commands, 16 bytes each.\n\n"
                + LayoutDocs.commands(List.of(Smmuv2Register.values()))
                + "\n## Records\n\n"
                + LayoutDocs.layouts(SmmuLayouts.records())
                + "\n## Structures in memory\n\n"
                + LayoutDocs.layouts(SmmuLayouts.structures())
                + "\n## Registers\n\n"
                + "As a chip of generation 0x0303 has them.\n\n"
                + LayoutDocs.registers(SmmuRegisters.all())
                + "\n## Faults\n\n"
                + LayoutDocs.faults(
                        new SmmuBackend().bench(),
                        Stream.of(EventType.values())
                                .collect(Collectors.toMap(
                                        EventType::code, EventType::text, (one, other) -> one, TreeMap::new)))
                + "\n## Configuration\n\n"
                + LayoutDocs.settings(SmmuSettings.TABLE.settings());
        GeneratedDocs.assertCurrent(
                GeneratedDocs.root().resolve("docs").resolve("layouts").resolve("arm.md"), text);
    }

    @Test
    void shouldGiveEveryLayoutANameASectionAndARoundTrip() {
        LayoutChecks.assertNamedAndReversible(SmmuLayouts.all());
    }
}
