package org.iommu4j.shell.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.SplittableRandom;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.explain.Explain;
import org.iommu4j.core.service.ExplainService;
import org.iommu4j.core.service.Explanation;
import org.iommu4j.core.service.Explanation.Outcome;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;
import org.iommu4j.shell.text.ExplanationJson;
import org.iommu4j.shell.text.ExplanationText;
import org.iommu4j.testing.Property;
import org.junit.jupiter.api.Test;

/** There is an answer for any bytes, and it can be shown. */
class ExplainPropertyTest {
    private static final List<Abi> ABIS = List.of(Abi.values());

    private final VtdBackend backend = new VtdBackend();
    private final Explain explain = new Explain(model -> model == IommuModel.INTEL ? backend : null);

    private static byte[] bytes(SplittableRandom random, int longest) {
        byte[] bytes = new byte[random.nextInt(longest + 1)];
        random.nextBytes(bytes);
        return bytes;
    }

    /** A problem is one line and nothing else; every answer can be shown. */
    private static void assertSound(Explanation answer) {
        boolean failed = answer.outcome() == Outcome.NOT_EXPLAINED;
        assertEquals(failed, !answer.problem().isEmpty());
        assertEquals(
                failed || answer.outcome() == Outcome.SEVERAL, answer.parts().isEmpty());
        assertEquals(answer.outcome() == Outcome.SEVERAL, answer.candidates().size() > 1);
        assertFalse(answer.problem().contains("Exception"), answer::problem);
        assertFalse(answer.problem().contains("\n"), answer::problem);
        assertTrue(ExplanationJson.of(answer).startsWith("{"));
        assertFalse(ExplanationText.of(answer).isEmpty());
    }

    @Test
    void shouldAnswerWhateverTheBytesAre() {
        Property.check(300, random -> {
            byte[] bytes = bytes(random, 40);
            assertSound(explain.bytes(IommuModel.INTEL, "", ExplainService.ANY, bytes));
            assertSound(explain.bytes(IommuModel.INTEL, "FRCD", 0x110, bytes));
            assertSound(explain.words(IommuModel.INTEL, "", 0x110, random.nextLong(), random.nextLong()));
            assertSound(explain.register(
                    IommuModel.INTEL, "0x" + Integer.toHexString(random.nextInt(0x300)), 0x110, random.nextLong()));
        });
    }

    @Test
    void shouldAnswerWhateverTheRequestIs() {
        Property.check(600, random -> {
            byte[] bytes = bytes(random, 128);
            Abi abi = ABIS.get(random.nextInt(ABIS.size()));
            // Mostly as a request should begin, so that the inner parts are reached.
            if (bytes.length >= Uapi.DATA_OFFSET && random.nextInt(4) != 0) {
                Uapi.ARGSZ.put(bytes, 0, abi, bytes.length);
                Uapi.FLAG.put(bytes, 0, abi, 1L << random.nextInt(4));
                Uapi.LENGTH.put(bytes, 0, abi, bytes.length - Uapi.DATA_OFFSET);
            }
            if (bytes.length >= 80 && random.nextBoolean()) {
                Uapi.MODEL.put(bytes, 0, abi, random.nextInt(6));
                Uapi.SUB_VERSION.put(bytes, 0, abi, 0x110);
            }
            IommuModel model = random.nextBoolean() ? null : IommuModel.INTEL;
            int subVersion = random.nextBoolean() ? ExplainService.ANY : random.nextInt(0x200);
            Explanation answer = explain.request(abi, model, subVersion, bytes);
            assertSound(answer);
            assertTrue(answer.verdict() != null);
        });
    }

    @Test
    void shouldAnswerWhateverTheStateIs() {
        Property.check(300, random -> {
            byte[] bytes = bytes(random, 200);
            if (bytes.length >= 4) {
                ByteBuffer.wrap(bytes).putInt(0x49344A53);
            }
            if (bytes.length >= 20 && random.nextBoolean()) {
                ByteBuffer.wrap(bytes).putShort(4, (short) 1).put(7, (byte) random.nextInt(8));
            }
            assertSound(explain.snapshot(bytes));
            assertSound(explain.bytes(IommuModel.INTEL, "", ExplainService.ANY, bytes));
        });
    }

    /** The shown values put the structure together again: no bit is hidden unless the layout ignores it. */
    @Test
    void shouldShowEveryBit() {
        Property.check(200, random -> {
            List<Layout> layouts = backend.layouts();
            Layout layout = layouts.get(random.nextInt(layouts.size()));
            byte[] bytes = new byte[layout.sizeBytes()];
            random.nextBytes(bytes);
            Explanation answer = explain.bytes(IommuModel.INTEL, layout.name(), 0x110, bytes);
            long[] words = layout.decode(bytes, 0);
            int line = 0;
            for (BitField field : layout.fields()) {
                if (!field.isIn(0x110, capability -> true)) {
                    continue;
                }
                Explanation.Line shown = answer.parts().get(0).lines().get(line++);
                assertEquals(field.name(), shown.field());
                assertEquals("0x" + Long.toHexString(field.get(words)), shown.value());
            }
            long wrong = 0;
            for (int word = 0; word < words.length; word++) {
                wrong |= words[word] & layout.reservedMask(word, 0x110, capability -> true);
            }
            assertEquals(
                    wrong != 0,
                    answer.parts().get(0).lines().stream()
                            .anyMatch(each -> each.field().equals("reserved")));
        });
    }
}
