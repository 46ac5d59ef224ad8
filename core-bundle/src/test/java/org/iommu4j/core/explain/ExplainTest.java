package org.iommu4j.core.explain;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.zip.CRC32C;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.fake.FakeBackend;
import org.iommu4j.core.fake.Journal;
import org.iommu4j.core.service.ExplainService;
import org.iommu4j.core.service.Explanation;
import org.iommu4j.core.service.Explanation.Outcome;
import org.junit.jupiter.api.Test;

class ExplainTest {
    private final FakeBackend backend = new FakeBackend("1.0.0", new Journal());
    private final Explain explain = new Explain(model -> model == IommuModel.INTEL ? backend : null);

    @Test
    void shouldExplainAFormatOfABackendWithoutCommandsAndRegisters() {
        Explanation answer = explain.words(IommuModel.INTEL, "", ExplainService.ANY, 0x123, 0x1000);
        assertEquals(Outcome.EXPLAINED, answer.outcome());
        assertEquals("FAKE_BIND", answer.parts().get(0).format());
        assertEquals("0x123", answer.parts().get(0).lines().get(0).value());
        assertEquals(
                "model intel has no register 'CAP'; registers: none",
                explain.register(IommuModel.INTEL, "CAP", ExplainService.ANY, 0).problem());
    }

    @Test
    void shouldExplainTheOperandsOfACall() {
        Explanation answer =
                explain.words(IommuModel.INTEL, "fake_call", ExplainService.ANY, 0x8002_0001_0000_0000L, 0x1000);
        assertEquals("instruction FAKE_CALL, 0xb9d3", answer.subject());
        assertEquals("2.3", answer.parts().get(0).section());
        assertEquals(
                new Explanation.Line("handle", "word 0, 63:32", 0, "0x80020001", "function", false),
                answer.parts().get(0).lines().get(0));
        assertEquals(
                new Explanation.Line("start", "word 1", 8, "0x1000", "first address", false),
                answer.parts().get(0).lines().get(1));
        assertEquals(List.of("gives status, word 0, 31:24", "answers 0 = done"), answer.notes());
    }

    @Test
    void shouldSayHowManyWordsACallTakes() {
        assertEquals(
                "FAKE_CALL takes 2 words, each with 0x before it, not 3 words",
                explain.words(IommuModel.INTEL, "FAKE_CALL", ExplainService.ANY, 1, 2, 3)
                        .problem());
        assertEquals(
                "FAKE_CALL takes 2 words, each with 0x before it, not 16 bytes",
                explain.bytes(IommuModel.INTEL, "FAKE_CALL", ExplainService.ANY, new byte[16])
                        .problem());
        assertEquals(
                "model intel has no format 'OTHER'; formats: FAKE_BIND, FAKE_CALL",
                explain.words(IommuModel.INTEL, "OTHER", ExplainService.ANY, 1).problem());
    }

    @Test
    void shouldSayThatAModelIsNotInstalled() {
        assertEquals(
                "model 'amd' is not installed",
                explain.bytes(IommuModel.AMD, "", ExplainService.ANY, new byte[4])
                        .problem());
        assertEquals(
                "the model is missing",
                explain.bytes(null, "", ExplainService.ANY, new byte[4]).problem());
    }

    @Test
    void shouldSayWhatABackendThrew() {
        backend.traps().on("describe", () -> {
            throw new IllegalStateException("out of order");
        });
        Explanation answer = explain.bytes(IommuModel.INTEL, "", ExplainService.ANY, new byte[4]);
        assertEquals(Outcome.NOT_EXPLAINED, answer.outcome());
        assertEquals("explaining: java.lang.IllegalStateException: out of order", answer.problem());
    }

    @Test
    void shouldDecodeTheFixedPartOfARequestOfAnAbsentModel() {
        ByteBuffer request = ByteBuffer.allocate(60);
        request.putInt(60).putInt(8).putInt(48).putInt(0).putInt(4).putInt(44, 2);
        Explanation answer = explain.request(Abi.LP64_BE, null, ExplainService.ANY, request.array());
        assertEquals(Errno.EOPNOTSUPP, answer.verdict().errno());
        assertEquals("V13", answer.verdict().rule());
        assertEquals(16, answer.verdict().offset());
        assertTrue(answer.notes().get(0).startsWith("model 'amd' is not installed"), answer.notes()::toString);
        assertEquals(1, answer.notes().size());
        Explanation told = new Explain(model -> null, model -> "half.jar: it cannot be opened")
                .request(Abi.LP64_BE, null, ExplainService.ANY, request.array());
        assertEquals("not serving: half.jar: it cannot be opened", told.notes().get(1));
    }

    @Test
    void shouldExplainASavedState() {
        byte[] state = state();
        Explanation answer = explain.snapshot(state);
        assertEquals(Outcome.EXPLAINED, answer.outcome());
        var lines = answer.parts().get(0).lines();
        assertEquals("HARDWARE", lines.get(3).value());
        assertEquals("section regs", lines.get(6).field());
        assertEquals("0102", lines.get(6).value());
        assertEquals("CRC-32C of all bytes before: correct", lines.get(7).meaning());

        state[state.length - 5] ^= 1;
        assertTrue(explain.snapshot(state).parts().get(0).lines().get(7).wrong());
    }

    @Test
    void shouldSayWhereASavedStateIsCutOff() {
        byte[] state = state();
        for (int length = 0; length < state.length; length++) {
            Explanation answer = explain.snapshot(java.util.Arrays.copyOf(state, length));
            assertTrue(!answer.problem().isEmpty() || !answer.notes().isEmpty(), "length " + length);
        }
    }

    private static byte[] state() {
        ByteBuffer state = ByteBuffer.allocate(42);
        state.putInt(0x49344A53).putShort((short) 1).put((byte) 0);
        state.put((byte) 8).put("HARDWARE".getBytes(StandardCharsets.UTF_8));
        state.putInt(1).putInt(1);
        state.put((byte) 4)
                .put("regs".getBytes(StandardCharsets.UTF_8))
                .putInt(2)
                .put((byte) 1)
                .put((byte) 2);
        int end = state.position();
        CRC32C crc = new CRC32C();
        crc.update(state.array(), 0, end);
        state.putInt((int) crc.getValue());
        return java.util.Arrays.copyOf(state.array(), state.position());
    }
}
