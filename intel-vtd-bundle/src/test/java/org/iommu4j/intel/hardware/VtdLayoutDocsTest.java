package org.iommu4j.intel.hardware;

import java.util.List;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.intel.command.FaultReason;
import org.iommu4j.intel.command.UnitRegisters;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdSettings;
import org.iommu4j.testing.GeneratedDocs;
import org.iommu4j.testing.LayoutChecks;
import org.iommu4j.testing.LayoutDocs;
import org.junit.jupiter.api.Test;

class VtdLayoutDocsTest {
    @Test
    void shouldKeepDocumentationCurrent() {
        String text = "# Intel VT-d: layouts\n\nGenerated from the code by VtdLayoutDocsTest; do not edit.\n\n"
                + "## Contract payloads\n\n"
                + LayoutDocs.layouts(VtdLayouts.payloads())
                + "\n## Invalidation descriptors\n\n"
                + LayoutDocs.commands(List.of(VtdCommand.values()))
                + "\n## Structures in memory\n\n"
                + LayoutDocs.layouts(VtdLayouts.structures())
                + "\n## Registers\n\n"
                + "As a unit of generation 0x0110 with protected memory has them: IVA and IOTLB stand at ECAP.IRO * 16,"
                + " fault record n at CAP.FRO * 16 + 16 * n.\n\n"
                + LayoutDocs.registers(UnitRegisters.all())
                + "\n## Faults\n\n"
                + LayoutDocs.faults(
                        new VtdBackend().bench(),
                        Stream.of(FaultReason.values())
                                .collect(Collectors.toMap(
                                        FaultReason::code, FaultReason::text, (one, other) -> one, TreeMap::new)))
                + "\n## Configuration\n\n"
                + LayoutDocs.settings(VtdSettings.TABLE.settings());
        GeneratedDocs.assertCurrent(
                GeneratedDocs.root().resolve("docs").resolve("layouts").resolve("intel.md"), text);
    }

    @Test
    void shouldGiveEveryLayoutANameASectionAndARoundTrip() {
        LayoutChecks.assertNamedAndReversible(VtdLayouts.all());
    }
}
