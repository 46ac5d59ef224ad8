package org.iommu4j.spapr.hardware;

import java.util.List;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.iommu4j.spapr.SpaprBackend;
import org.iommu4j.spapr.command.FaultReason;
import org.iommu4j.spapr.command.SpaprCall;
import org.iommu4j.spapr.command.SpaprCommand;
import org.iommu4j.spapr.command.SpaprRegisters;
import org.iommu4j.spapr.command.SpaprSettings;
import org.iommu4j.testing.GeneratedDocs;
import org.iommu4j.testing.LayoutChecks;
import org.iommu4j.testing.LayoutDocs;
import org.junit.jupiter.api.Test;

class SpaprLayoutDocsTest {
    @Test
    void shouldKeepDocumentationCurrent() {
        String text =
                "# IBM sPAPR TCE: layouts\n\nGenerated from the code by SpaprLayoutDocsTest; do not edit. Bits are numbered"
                        + " as PAPR does: bit 0 is the most significant.\n\n"
                        + "## Contract payloads\n\n"
                        + LayoutDocs.layouts(SpaprLayouts.payloads())
                        + "\n## Native commands\n\n"
                        + LayoutDocs.commands(List.of(SpaprCommand.values()))
                        + "\n## Structures in memory\n\n"
                        + LayoutDocs.layouts(SpaprLayouts.structures())
                        + "\n## Registers, from generation 3 on\n\n"
                        + LayoutDocs.registers(SpaprRegisters.all())
                        + "\n## Calls\n\n"
                        + LayoutDocs.calls(SpaprCall.ALL)
                        + "\n## Faults\n\n"
                        + LayoutDocs.faults(
                                new SpaprBackend().bench(),
                                Stream.of(FaultReason.values())
                                        .collect(Collectors.toMap(
                                                FaultReason::code,
                                                FaultReason::text,
                                                (one, other) -> one,
                                                TreeMap::new)))
                        + "\n## Configuration\n\n"
                        + LayoutDocs.settings(SpaprSettings.TABLE.settings());
        GeneratedDocs.assertCurrent(
                GeneratedDocs.root().resolve("docs").resolve("layouts").resolve("spapr.md"), text);
    }

    @Test
    void shouldGiveEveryLayoutANameASectionAndARoundTrip() {
        LayoutChecks.assertNamedAndReversible(SpaprLayouts.all());
    }
}
