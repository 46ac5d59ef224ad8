package org.iommu4j.upgrade.record;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.IommuCore;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.upgrade.CaptureException;
import org.iommu4j.upgrade.RecordOptions;
import org.iommu4j.upgrade.RecordResult;
import org.iommu4j.upgrade.ReplayRefusedException;
import org.iommu4j.upgrade.json.JsonLines;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RecordReaderTest {
    private static final String HEADER = "{\"k\":\"record\",\"format\":1}\n";
    private static final String UNIT = "{\"k\":\"unit\",\"unit\":1,\"model\":\"intel\",\"subVersion\":\"0x110\","
            + "\"bundle\":\"b\",\"version\":\"1\",\"haw\":48,\"cache\":\"DEFAULT\",\"fields\":{},\"capabilities\":{},"
            + "\"options\":{},\"ram\":[[\"0x0\",\"0x100000\"]],\"registers\":{}}\n";
    private static final String OPEN = "{\"k\":\"open\",\"unit\":1,\"container\":0,\"abi\":\"lp64-le\","
            + "\"model\":\"intel\",\"oldest\":\"0x110\",\"newest\":\"0x110\",\"required\":[],\"errno\":\"OK\","
            + "\"handled\":1,\"fidelity\":\"EXACT\"}\n";

    @TempDir
    private Path directory;

    private RecordResult play(String text) throws IOException {
        Path file = directory.resolve("r.jsonl");
        Files.writeString(file, text);
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(new VtdBackend("1.1.0"));
            try {
                return new Records(core, null).play(file, RecordOptions.DEFAULT);
            } finally {
                assertEquals(0, core.units().size());
            }
        }
    }

    private String refusal(String text) {
        CaptureException refusal = assertThrows(CaptureException.class, () -> play(text));
        assertEquals(1, refusal.getMessage().lines().count(), refusal.getMessage());
        assertFalse(refusal.getMessage().contains("marker at"), refusal.getMessage());
        return refusal.getMessage().substring(directory.toString().length() + 1);
    }

    @Test
    void shouldPlayARecordWithoutRequests() throws IOException {
        assertTrue(play(HEADER + "{\"k\":\"end\",\"lines\":1}\n").ok());
        assertTrue(play(HEADER + UNIT + OPEN + "{\"k\":\"end\",\"lines\":3,\"x-note\":[{}]}")
                .ok());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "`` | r.jsonl: is cut: it has no line",
                "xyz | r.jsonl, line 1, column 1: malformed JSON: Unrecognized token 'xyz'",
                "{\"k\":\"mem\"} | r.jsonl, line 1, key \"unit\": is missing",
                "{\"k\":\"end\",\"lines\":0} | r.jsonl, line 1, column 6, key \"k\": is not \"record\": the first line",
                "{\"k\":\"record\",\"format\":2} | r.jsonl, line 1, column 24, key \"format\": is 2; this version reads format 1",
                "{\"k\":\"record\",\"format\":1,\"by\":3} | r.jsonl, line 1, column 31, key \"by\": is not a key of such a line",
                "[] | r.jsonl, line 1, column 1: not a JSON object",
            })
    void shouldRefuseAnotherFirstLine(String line, String message) {
        String refusal = refusal(line);
        assertTrue(refusal.startsWith(message), refusal);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{\"k\":\"record\",\"format\":1} | key \"k\": \"record\" stands in the first line only",
                "{\"k\":\"frob\" | : malformed JSON: Unexpected end-of-input: expected close marker for Object",
                "{\"k\":\"frob\"} | key \"k\": is no kind of line: 'frob'",
                "{\"k\":\"unit-close\",\"unit\":2} | key \"unit\": is 2, which is not open",
                "{\"k\":\"unit-close\",\"unit\":1,\"unit\":1} | : malformed JSON: Duplicate field 'unit'",
                "{\"k\":\"unit-close\",\"unit\":99999999999999999999} | key \"unit\": number out of range",
                "{\"k\":\"unit-close\",\"unit\":-1} | key \"unit\": is not from 0 to 1048576",
                "{\"k\":\"unit-close\",\"unit\":1.5} | key \"unit\": neither a text, a whole number,",
                "{\"k\":\"mem\",\"unit\":1,\"pa\":\"0x0\",\"hex\":\"0\"} | key \"hex\": is not lower-case hex of at most 4096 bytes",
                "{\"k\":\"mem\",\"unit\":1,\"pa\":\"12\",\"hex\":\"00\"} | key \"pa\": is not a number of at most 64 bits with 0x",
                "{\"k\":\"mem\",\"unit\":1,\"pa\":\"0xffffffffffffffff\",\"hex\":\"00\"} | key \"pa\": is not from 0 to 4503599627370495",
                "{\"k\":\"mem\",\"unit\":1,\"pa\":\"0x100000\",\"hex\":\"00\"} | key \"pa\": is not in the unit's memory",
                "{\"k\":\"fill\",\"unit\":1,\"entries\":[\"iotlb 1 2\"]} | key \"entries\": has no entry of the form",
                "{\"k\":\"native\",\"unit\":1,\"hex\":[1]} | key \"hex\": is not a list of texts",
                "{\"k\":\"close\",\"unit\":1,\"container\":0,\"errno\":\"EWHAT\"} | key \"errno\": is no Errno: 'EWHAT'",
                "{\"k\":\"ioctl\",\"unit\":1,\"container\":0,\"request\":1,\"hex\":\"00\",\"readable\":2,\"errno\":\"EIO\"} "
                        + "| key \"readable\": is 2, but \"hex\" has 1 bytes",
                "{\"k\":\"ioctl\",\"unit\":1,\"container\":0,\"request\":1,\"readable\":2,\"index\":1,\"of\":2,"
                        + "\"errno\":\"EIO\"} | key \"index\": does not go on with the batch before it",
                "{\"k\":\"end\",\"lines\":7} | key \"lines\": is 7, but 3 lines came before",
            })
    void shouldNameLineColumnAndKeyOfWhatIsWrong(String line, String message) {
        String refusal = refusal(HEADER + UNIT + OPEN + line + "\n");
        assertTrue(refusal.startsWith("r.jsonl, line 4, column "), refusal);
        assertTrue(refusal.contains(message), refusal);
    }

    @Test
    void shouldPassOverTheByteOrderMarkOfUtf8AndNameOtherEncodings() throws IOException {
        assertTrue(play("\ufeff" + HEADER + "{\"k\":\"end\",\"lines\":1}\n").ok());
        Path other = directory.resolve("utf16.jsonl");
        Files.writeString(other, HEADER, StandardCharsets.UTF_16);

        CaptureException refusal =
                assertThrows(CaptureException.class, () -> new Records(null, null).play(other, RecordOptions.DEFAULT));

        assertTrue(
                refusal.getMessage().endsWith("is UTF-16 by its byte order mark; UTF-8 is read"), refusal.getMessage());
    }

    @Test
    void shouldRefuseWhatIsOpenedTwice() {
        assertTrue(
                refusal(HEADER + UNIT + UNIT).contains("line 3, column 20, key \"unit\": is 1, which is open already"));
        assertTrue(refusal(HEADER + UNIT + OPEN + OPEN).contains("key \"container\": is 0, which is open already"));
    }

    @Test
    void shouldRefuseWhatFollowsTheEnd() {
        assertTrue(refusal(HEADER + "{\"k\":\"end\",\"lines\":1}\n{}\n").contains("line 3: follows the line \"end\""));
    }

    @Test
    void shouldRefuseAnEndlessLineBeforeItsEnd() {
        assertTrue(refusal(HEADER + "x".repeat(JsonLines.MAX_LINE_BYTES + 1))
                .contains("line 2: longer than 1048576 bytes"));
    }

    @Test
    void shouldRefuseALineWithinABatch() {
        String first = "{\"k\":\"ioctl\",\"unit\":1,\"container\":0,\"request\":1,\"readable\":2,\"index\":0,\"of\":2,"
                + "\"errno\":\"EIO\"}\n";
        assertTrue(refusal(HEADER + UNIT + OPEN + first + "{\"k\":\"unit-close\",\"unit\":1}\n")
                .contains("key \"k\": stands within a batch of requests"));
    }

    @Test
    void shouldRefuseMoreUnitsThanAMachineHas() {
        StringBuilder text = new StringBuilder(HEADER);
        for (int i = 1; i <= 257; i++) {
            text.append(UNIT.replace("\"unit\":1,", "\"unit\":" + i + ","));
        }
        assertTrue(refusal(text.toString())
                .contains("line 258, column 20, key \"unit\": is one more than 256 open units"));
    }

    @Test
    void shouldNotHoldWhatAnAbsurdRecordAsksFor() throws IOException {
        Path file = directory.resolve("r.jsonl.gz");
        try (RecordWriter writer = new RecordWriter(file)) {
            String command = "00".repeat(4000);
            writer.write(new RecordLine.UnitOpened(
                    1, IommuModel.INTEL, "b", "1", HardwareConfig.of(0x110), 48, List.of(), Map.of()));
            for (int i = 0; i < 100; i++) {
                writer.write(new RecordLine.Commands(1, Collections.nCopies(100, command)));
            }
        }
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(new VtdBackend("1.1.0"));
            Records records = new Records(core, null);
            CaptureException refusal =
                    assertThrows(CaptureException.class, () -> records.play(file, RecordOptions.DEFAULT));
            assertTrue(refusal.getMessage().contains("more than 67108864 bytes of cached"), refusal.getMessage());
        }
    }

    @Test
    void shouldSayThatAFileIsMissingOrAFolder() {
        CaptureException missing =
                assertThrows(CaptureException.class, () -> new RecordReader(directory.resolve("none")).close());
        assertTrue(missing.getMessage().endsWith("none: no such file"), missing.getMessage());
        CaptureException folder = assertThrows(CaptureException.class, () -> new RecordReader(directory).close());
        assertTrue(folder.getMessage().contains("cannot be read"), folder.getMessage());
    }

    @Test
    void shouldSayThatNobodyServesTheModelOrKnowsTheGeneration() {
        BackendException nobody =
                assertThrows(BackendException.class, () -> play(HEADER + UNIT.replace("\"intel\"", "\"amd\"")));
        assertEquals(Errno.ENODEV, nobody.errno());
        ReplayRefusedException unknown =
                assertThrows(ReplayRefusedException.class, () -> play(HEADER + UNIT.replace("0x110", "0x7777")));
        assertTrue(unknown.getMessage().startsWith("line 2: no such unit can be made: "), unknown.getMessage());
    }

    @Test
    void shouldCountRequestsThatTheRecordedCoreTurnedAway() throws IOException {
        String away = "{\"k\":\"ioctl\",\"unit\":1,\"container\":0,\"request\":1,\"hex\":\"00\",\"readable\":1,"
                + "\"errno\":\"EBUSY\",\"reason\":\"full\"}\n";
        RecordResult result = play(HEADER + UNIT + OPEN + away + "{\"k\":\"end\",\"lines\":4}\n");

        assertTrue(result.ok());
        assertEquals(1, result.notPlayed().values().iterator().next());
        assertNotNull(result.toText());
        assertTrue(result.toText().contains("not played: 1, turned away by the recorded core"), result.toText());
    }
}
