package org.iommu4j.spapr.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.iommu4j.layout.Layout;
import org.iommu4j.spapr.command.SpaprCall;
import org.iommu4j.spapr.command.SpaprCommand;
import org.iommu4j.spapr.command.SpaprRegisters;
import org.iommu4j.testing.GeneratedDocs;
import org.iommu4j.testing.LayoutDocs;
import org.iommu4j.testing.LayoutGenerator;
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
                        + LayoutDocs.registers(SpaprRegisters.ALL)
                        + "\n## Calls\n\n"
                        + LayoutDocs.calls(SpaprCall.ALL);
        GeneratedDocs.assertCurrent(
                GeneratedDocs.root().resolve("docs").resolve("layouts").resolve("spapr.md"), text);
    }

    @Test
    void shouldGiveEveryLayoutANameASectionAndARoundTrip() {
        SplittableRandom random = new SplittableRandom(1);
        Set<String> names = new HashSet<>();
        for (Layout layout : SpaprLayouts.all()) {
            names.add(layout.name());
            assertFalse(layout.section().isEmpty(), layout.name());
            for (int i = 0; i < 20; i++) {
                long[] words = new LayoutGenerator(layout).legal(random);
                byte[] bytes = layout.encode(words);
                for (int word = 0; word < layout.words(); word++) {
                    assertEquals(words[word], layout.decode(bytes, 0)[word], layout.name());
                    assertEquals(0, words[word] & layout.reservedMask(word), layout.name());
                }
            }
        }
        assertEquals(SpaprLayouts.all().size(), names.size(), "two layouts share a name");
    }
}
