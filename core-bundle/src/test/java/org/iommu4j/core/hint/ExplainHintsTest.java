package org.iommu4j.core.hint;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HexFormat;
import java.util.List;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.ExplainService;
import org.junit.jupiter.api.Test;

class ExplainHintsTest {
    @Test
    void shouldNameImageAndGenerationOfARequest() {
        byte[] request = {0x0c, 0, 0, 0};

        assertEquals(
                "./iommu4j explain --model arm --contract i386 --sub-version 0x0012 0c000000",
                ExplainHints.request(Abi.I386, IommuModel.ARM_SMMU, 0x12, request));
        assertEquals(
                "./iommu4j explain --model arm --contract lp64-be 0c000000",
                ExplainHints.request(Abi.LP64_BE, IommuModel.ARM_SMMU, ExplainService.ANY, request));
    }

    @Test
    void shouldHaveNoHintForNoBytes() {
        assertEquals("", ExplainHints.request(Abi.I386, IommuModel.ARM_SMMU, 1, new byte[0]));
        assertEquals("", ExplainHints.request(Abi.I386, IommuModel.ARM_SMMU, 1, null));
        assertEquals("", ExplainHints.state(new byte[0]));
        assertEquals(List.of("one"), ExplainHints.list("", "one", "", "one"));
    }

    @Test
    void shouldCutWhatIsTooLongToBePasted() {
        byte[] state = new byte[ExplainHints.MOST_BYTES + 1];

        assertEquals(
                "./iommu4j explain " + HexFormat.of().formatHex(state, 0, ExplainHints.MOST_BYTES),
                ExplainHints.state(state));
    }

    @Test
    void shouldHaveNoHintsByFormatsWhileNobodyServesTheModel() {
        try (IommuCore core = new IommuCore(null)) {
            ExplainHints hints = ExplainHints.of(core, IommuModel.ARM_SMMU);

            assertEquals("", hints.command(new byte[16]));
            assertEquals("", hints.event(new byte[16]));
            assertEquals("", hints.structure("any", new byte[16]));
            assertEquals("", hints.entry("any", 0, 0, null));
            assertEquals("", hints.tableWord(1));
            assertEquals("", hints.register("ANY", 1));
            assertEquals("", hints.call(1, 2, 3));
            assertEquals("", hints.invalidation("any", 1, 2));
            assertEquals(List.of(), hints.registers(1, 0, 8, 0));
        }
    }
}
