package org.iommu4j.s390.hardware;

import java.util.List;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.s390.command.EventCode;
import org.iommu4j.s390.command.ZpciCommand;
import org.iommu4j.s390.command.ZpciInstruction;
import org.iommu4j.s390.command.ZpciSettings;
import org.iommu4j.testing.GeneratedDocs;
import org.iommu4j.testing.LayoutChecks;
import org.iommu4j.testing.LayoutDocs;
import org.junit.jupiter.api.Test;

class ZpciLayoutDocsTest {
    @Test
    void shouldKeepDocumentationCurrent() {
        String text = "# IBM Z zPCI: layouts\n\nGenerated from the code by ZpciLayoutDocsTest; do not edit.\n\n"
                + "## Contract payloads\n\n"
                + LayoutDocs.layouts(ZpciLayouts.payloads())
                + "\n## Instructions as calls\n\n"
                + "Results below zero are negated program interruption codes, others condition codes.\n\n"
                + LayoutDocs.calls(ZpciInstruction.ALL)
                + "\n## Instructions as a driver's are shown\n\n"
                + "The instruction, left aligned in 64 bits, then its registers, then the block that it was given.\n\n"
                + LayoutDocs.commands(List.of(ZpciCommand.values()))
                + "\n## Registers and blocks\n\n"
                + LayoutDocs.layouts(ZpciLayouts.blocks())
                + "\n## Events\n\n"
                + LayoutDocs.layouts(ZpciLayouts.events())
                + "\n## Structures in memory\n\n"
                + LayoutDocs.layouts(ZpciLayouts.structures())
                + "\n## Faults\n\n"
                + LayoutDocs.faults(
                        new ZpciBackend().bench(),
                        Stream.of(EventCode.values())
                                .collect(Collectors.toMap(
                                        EventCode::code, EventCode::text, (one, other) -> one, TreeMap::new)))
                + "\n## Configuration\n\n"
                + LayoutDocs.settings(ZpciSettings.TABLE.settings());
        GeneratedDocs.assertCurrent(
                GeneratedDocs.root().resolve("docs").resolve("layouts").resolve("s390.md"), text);
    }

    @Test
    void shouldGiveEveryLayoutANameASectionAndARoundTrip() {
        LayoutChecks.assertNamedAndReversible(ZpciLayouts.all());
    }
}
