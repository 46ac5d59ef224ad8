package org.iommu4j.amd.hardware;

import java.util.List;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.iommu4j.amd.AmdViBackend;
import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.AmdViEvent;
import org.iommu4j.amd.command.AmdViSettings;
import org.iommu4j.amd.command.UnitRegisters;
import org.iommu4j.testing.GeneratedDocs;
import org.iommu4j.testing.LayoutChecks;
import org.iommu4j.testing.LayoutDocs;
import org.junit.jupiter.api.Test;

class AmdViLayoutDocsTest {
    @Test
    void shouldKeepDocumentationCurrent() {
        String text = "# AMD-Vi: layouts\n\nGenerated from the code by AmdViLayoutDocsTest; do not edit.\n\n"
                + "## Contract payloads\n\n"
                + LayoutDocs.layouts(AmdViLayouts.payloads())
                + "\n## Commands\n\n"
                + LayoutDocs.commands(List.of(AmdViCommand.values()))
                + "\n## Structures in memory\n\n"
                + LayoutDocs.layouts(AmdViLayouts.structures())
                + "\n## Registers\n\n"
                + "As a unit of generation 0x0320 with all optional registers has them. What software reaches through PCI"
                + " configuration space stands at 0x4000.\n\n"
                + LayoutDocs.registers(UnitRegisters.all())
                + "\n## Faults\n\n"
                + LayoutDocs.faults(
                        new AmdViBackend().bench(),
                        Stream.of(AmdViEvent.values())
                                .collect(Collectors.toMap(
                                        AmdViEvent::code, AmdViEvent::text, (one, other) -> one, TreeMap::new)))
                + "\n## Configuration\n\n"
                + LayoutDocs.settings(AmdViSettings.TABLE.settings());
        GeneratedDocs.assertCurrent(
                GeneratedDocs.root().resolve("docs").resolve("layouts").resolve("amd.md"), text);
    }

    @Test
    void shouldGiveEveryLayoutANameASectionAndARoundTrip() {
        LayoutChecks.assertNamedAndReversible(AmdViLayouts.all());
    }
}
