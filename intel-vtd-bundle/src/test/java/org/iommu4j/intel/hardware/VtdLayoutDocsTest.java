package org.iommu4j.intel.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdRegisters;
import org.iommu4j.layout.Layout;
import org.iommu4j.testing.GeneratedDocs;
import org.iommu4j.testing.LayoutDocs;
import org.iommu4j.testing.LayoutGenerator;
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
                + "IVA and IOTLB stand at ECAP.IRO * 16, fault record n at CAP.FRO * 16 + 16 * n.\n\n"
                + LayoutDocs.registers(VtdRegisters.ALL);
        GeneratedDocs.assertCurrent(
                GeneratedDocs.root().resolve("docs").resolve("layouts").resolve("intel.md"), text);
    }

    @Test
    void shouldGiveEveryLayoutANameASectionAndARoundTrip() {
        SplittableRandom random = new SplittableRandom(1);
        Set<String> names = new HashSet<>();
        for (Layout layout : VtdLayouts.all()) {
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
        assertEquals(VtdLayouts.all().size(), names.size(), "two layouts share a name");
    }
}
