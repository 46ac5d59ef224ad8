package org.iommu4j.arm.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.arm.hardware.SpecificationVectors.Row;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Which commands are illegal, IHI 0070 4.1.3: docs/spec/arm-smmu.md 8.3 V72 to V89, and what the document says beside them. */
class CommandLegalityTest {
    private static final SpecificationVectors DOCUMENT = new SpecificationVectors();
    private static final Pattern CAPABILITY = Pattern.compile("(?:IDR\\d\\.)?(S1P|S2P|Hyp|DS|MPAM|STALL_MODEL)=(\\d)");
    private static final int ERROR_ILLEGAL = 1;

    static Stream<Row> commands() {
        return DOCUMENT.rows(72, 89).stream();
    }

    @Test
    void shouldFindAllRowsOfTheDocument() {
        assertEquals(18, commands().count());
    }

    @ParameterizedTest
    @MethodSource("commands")
    void shouldAcceptOrStopAtACommandAsTheDocumentSays(Row row) {
        SmmuUnit.Recipe recipe = SmmuUnit.recipe();
        Matcher capability = CAPABILITY.matcher(row.input());
        while (capability.find()) {
            if (capability.group(1).equals("DS") && capability.group(2).equals("1")) {
                recipe.generation(SmmuGeneration.V3_4);
            } else if (!capability.group(1).equals("DS")) {
                recipe.idr(capability.group(1), Long.parseLong(capability.group(2)));
            }
        }
        if (row.input().contains("on 3.0")) {
            recipe.generation(SmmuGeneration.V3_0);
        }
        SmmuUnit unit = recipe.make().queues();
        List<Long> words = SpecificationVectors.quoted(row.input());
        if (row.expected().equals("accepted")) {
            unit.accepted(words.get(0), words.get(1));
        } else {
            refused(unit, words.get(0), words.get(1));
        }
    }

    private static void refused(SmmuUnit unit, long word0, long word1) {
        unit.command(word0, word1);
        assertEquals(ERROR_ILLEGAL, unit.read(SmmuUnit.CMDQ_CONS) >>> 24);
        assertEquals(0, unit.read(SmmuUnit.CMDQ_CONS) & 0xFFFFF);
        assertEquals(1, unit.read(SmmuUnit.GERROR));
    }

    @ParameterizedTest
    @CsvSource({
        "0x46, 0x3000, 0", // SYNC with CS=3, V19
        "0x00, 0, 0", // no opcode
        "0x18, 0, 0", // TLBI_EL3_ALL belongs to the Secure queue
        "0x50, 0, 0", // TLBI_S_EL2_ALL too
        "0x70, 0, 0", // DPTI_ALL without IDR3.DPT
        "0x80, 0, 0", // implementation defined
        "0xFE, 0, 0",
        "0x02, 0, 0x800" // a bit of PREFETCH_ADDR that is in no field
    })
    void shouldStopAtWhatIsInNoRow(long opcode, long more, long word1) {
        refused(SmmuUnit.recipe().make().queues(), opcode | more, word1);
    }

    @Test
    void shouldRefuseAnAtcInvalidationWithoutAtsEvenWhileTranslationIsOff() {
        // E28: without IDR0.ATS it is illegal, with it and SMMUEN=0 it is ignored.
        refused(SmmuUnit.recipe().idr("ATS", 0).make().queues(), 0x1a800000040L, 0x34);
        SmmuUnit off = SmmuUnit.recipe().make().queues();
        off.accepted(0x1a800000040L, 0x34);
        assertEquals(0, off.deviceInvalidations.size());
    }

    @Test
    void shouldIgnoreReservedBitsWhereTheChipDoes() {
        SmmuUnit lenient =
                SmmuUnit.recipe().option("reserved-bits", "ignore").make().queues();
        lenient.accepted(0x0007002a02000012L, 0x400 | 0x100);
        lenient.accepted(0x0007002a00000012L, 0x10300);
        refused(SmmuUnit.recipe().option("reserved-bits", "ignore").make().queues(), 0x0007002a00000012L, 0x10400);
    }

    @Test
    void shouldRefuseRangesWithoutRil() {
        refused(SmmuUnit.recipe().generation(SmmuGeneration.V3_1).make().queues(), 0x0007002a00900012L, 0x40000400);
        SmmuUnit.recipe()
                .generation(SmmuGeneration.V3_1)
                .idr("RIL", 1)
                .make()
                .queues()
                .accepted(0x0007002a00900012L, 0x40000400);
    }
}
