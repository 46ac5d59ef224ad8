package org.iommu4j.upgrade.capture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPOutputStream;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.simulation.memory.SparseMemory;
import org.iommu4j.upgrade.CaptureException;
import org.iommu4j.upgrade.CaptureFiles;
import org.iommu4j.upgrade.Formats;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;

class CaptureTest {
    static final List<String> FILES = CaptureFiles.FILES;

    @TempDir
    private Path directory;

    @BeforeEach
    void makeCapture() {
        CaptureFiles.small(directory);
    }

    @Test
    void shouldReadEveryRecordOfTheFormat() {
        List<CaptureRecord> records = timeline();

        assertEquals(17, records.size());
        assertEquals(new CaptureRecord.RegisterRead(0, 0x8, 8, 0xd2008c22260206L), records.get(0));
        assertEquals(new CaptureRecord.RegisterWrite(2, 0x90, 8, 0x11b1000), records.get(2));
        CaptureRecord.Command command = assertInstanceOf(CaptureRecord.Command.class, records.get(8));
        assertEquals("wait.status", command.event());
        assertEquals(1, command.slot());
        assertEquals(16, command.bytes().length);
        assertEquals(0x25, command.bytes()[0]);
        assertEquals(new CaptureRecord.TableRead(11, "ctx", 0x2180, List.of(0x3001L, 0x301L)), records.get(11));
        CaptureRecord.Translation translation =
                new CaptureRecord.Translation(15, 0x18, 0x5010, 1, 0x9000, 0xfff, 3, null, false, null, null);
        assertEquals(translation, records.get(15));
        assertEquals(0x9010, translation.target());
        assertEquals(new CaptureRecord.Other(16, "irte", Map.of(), false), records.get(16));
    }

    @Test
    void shouldKnowTheModelOfTheArchitecture() {
        Capture capture = Capture.open(directory, Formats.ALL);

        assertEquals(IommuModel.INTEL, capture.model());
        assertEquals(0x1000, capture.frozen().registers("").get("RTADDR"));
    }

    @Test
    void shouldReadStockRunsWithoutAccessPermissionsAndBytes() {
        CaptureFiles.lines(
                directory,
                Timeline.FILE,
                "{\"t\":0,\"k\":\"cmd\",\"idx\":3,\"hex\":null,\"event\":\"SYNC\"}",
                "{\"t\":1,\"k\":\"xlate\",\"dev\":\"0x18\",\"iova\":\"0x5000\",\"access\":null,\"pa\":\"0x9000\","
                        + "\"mask\":\"0xfff\",\"perm\":null,\"fault\":null,\"hit\":true,\"leaf\":\"0x9003\",\"did\":3}");

        List<CaptureRecord> records = timeline();

        assertNull(assertInstanceOf(CaptureRecord.Command.class, records.get(0)).hex());
        CaptureRecord.Translation translation = assertInstanceOf(CaptureRecord.Translation.class, records.get(1));
        assertEquals(CaptureRecord.Translation.UNKNOWN, translation.access());
        assertEquals(CaptureRecord.Translation.UNKNOWN, translation.perm());
        assertTrue(translation.hit());
    }

    @Test
    void shouldCountUnknownKindsAndGoOn() {
        CaptureFiles.lines(
                directory, Timeline.FILE, "{\"t\":0,\"k\":\"weather\",\"sky\":\"blue\"}", "{\"t\":1,\"k\":\"note\"}");

        assertEquals(
                List.of(
                        new CaptureRecord.Other(0, "weather", Map.of(), false),
                        new CaptureRecord.Other(1, "note", Map.of(), false)),
                timeline());
        CaptureScan scan = CaptureScan.of(Capture.open(directory, Formats.ALL));
        assertEquals(1, scan.records().get("weather"));
    }

    @Test
    void shouldReadFilesThatAreNotCompressed() throws IOException {
        List<CaptureRecord> records = timeline();
        for (String file : CaptureFiles.FILES) {
            if (file.endsWith(".gz")) {
                String lines = String.join("\n", CaptureFiles.read(directory, file));
                Files.delete(directory.resolve(file));
                CaptureFiles.text(directory, file.substring(0, file.length() - 3), lines);
            }
        }

        assertEquals(records, timeline());
        readAll();
        CaptureFiles.text(directory, "timeline.jsonl", "{\"t\":0,\n");
        assertEquals(
                "timeline.jsonl",
                assertThrows(CaptureException.class, this::timeline).file());
    }

    @Test
    void shouldReadListsOfJsonNumbersToo() {
        CaptureFiles.lines(
                directory,
                Timeline.FILE,
                "{\"t\":0,\"k\":\"mem\",\"what\":\"pte\",\"addr\":4096,\"q\":[8195,\"0x10\"]}");

        assertEquals(List.of(new CaptureRecord.TableRead(0, "pte", 0x1000, List.of(0x2003L, 0x10L))), timeline());
    }

    @Test
    void shouldPassOverANumberOfAnUnknownKeyThatNothingCanHold() {
        CaptureFiles.text(
                directory, "run.json", "{\"arch\": \"vtd\", \"checks\": 99999999999999999999, \"more\": [1e99]}");

        assertEquals(IommuModel.INTEL, Capture.open(directory, Formats.ALL).model());
    }

    @Test
    void shouldSayInOneLineWhatIsWrongWithBytesThatAreNoText() throws IOException {
        for (byte[] line :
                List.of(new byte[] {0, 0, 0, '{', -1, -1, -1, -1, '\n'}, new byte[] {'{', '\r', -62, -123, '\n'})) {
            try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(directory.resolve(Timeline.FILE)))) {
                out.write(line);
            }

            CaptureException refusal = assertThrows(CaptureException.class, this::timeline);

            assertEquals(Timeline.FILE, refusal.file());
            assertEquals(1, refusal.line());
            assertFalse(refusal.getMessage().codePoints().anyMatch(Character::isISOControl), refusal.getMessage());
        }
    }

    @Test
    void shouldRefuseMorePagesThanTheUnitsOfAMachineHoldTogether() {
        FrozenImage frozen = Capture.open(directory, Formats.ALL).frozen();
        SparseMemory memory = new SparseMemory(List.of());
        assertEquals(5, frozen.loadPages(memory, FrozenImage.MAX_PAGES / 5));

        CaptureException refusal =
                assertThrows(CaptureException.class, () -> frozen.loadPages(memory, FrozenImage.MAX_PAGES / 4));

        assertEquals(FrozenImage.PAGES, refusal.file());
        assertEquals(5, refusal.line());
        assertEquals("pa", refusal.key());
    }

    @ParameterizedTest
    @FieldSource("FILES")
    void shouldNameTheFileThatIsMissing(String file) throws IOException {
        Files.delete(directory.resolve(file));

        CaptureException refusal = assertThrows(CaptureException.class, this::readAll);

        assertEquals(file, refusal.file());
        assertEquals(file + ": no such file in the capture " + directory, refusal.getMessage());
    }

    @ParameterizedTest
    @FieldSource("FILES")
    void shouldNameTheFileThatIsADirectory(String file) throws IOException {
        Files.delete(directory.resolve(file));
        Files.createDirectory(directory.resolve(file));

        assertEquals(file, assertThrows(CaptureException.class, this::readAll).file());
    }

    @ParameterizedTest
    @FieldSource("FILES")
    void shouldNameTheFileThatIsEmpty(String file) throws IOException {
        Files.write(directory.resolve(file), new byte[0]);

        assertEquals(file, assertThrows(CaptureException.class, this::readAll).file());
    }

    @ParameterizedTest
    @FieldSource("FILES")
    void shouldNameTheFileThatIsNoJson(String file) {
        if (file.endsWith(".gz")) {
            CaptureFiles.lines(directory, file, "{\"t\":0,", "}");
        } else {
            CaptureFiles.text(directory, file, "{\"arch\":");
        }

        CaptureException refusal = assertThrows(CaptureException.class, this::readAll);

        assertEquals(file, refusal.file());
        assertEquals(1, refusal.line());
    }

    @Test
    void shouldRefuseADirectoryThatIsNotThere() {
        Path nowhere = directory.resolve("nowhere");

        CaptureException refusal = assertThrows(CaptureException.class, () -> Capture.open(nowhere, Formats.ALL));

        assertTrue(refusal.getMessage().endsWith("no such file or folder"), refusal.getMessage());
    }

    @Test
    void shouldRefuseAnUnknownArchitecture() {
        CaptureFiles.text(directory, "run.json", "{\"arch\": \"vax\"}");

        CaptureException refusal = assertThrows(CaptureException.class, () -> Capture.open(directory, Formats.ALL));

        assertEquals("arch", refusal.key());
        assertTrue(refusal.getMessage().contains("\"vax\""), refusal.getMessage());
    }

    @Test
    void shouldRefuseATimelineWithoutRecords() {
        CaptureFiles.lines(directory, Timeline.FILE);

        CaptureException refusal =
                assertThrows(CaptureException.class, () -> CaptureScan.of(Capture.open(directory, Formats.ALL)));

        assertEquals(Timeline.FILE, refusal.file());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "k     | {\"t\":0}",
                "k     | {\"t\":0,\"k\":7}",
                "k     | {\"t\":0,\"k\":\"\"}",
                "t     | {\"k\":\"w\"}",
                "t     | {\"t\":-1,\"k\":\"note\"}",
                "t     | {\"t\":99999999999999999999,\"k\":\"note\"}",
                "t     | {\"t\":1.5,\"k\":\"note\"}",
                "off   | {\"t\":0,\"k\":\"w\",\"size\":4,\"val\":\"0x0\"}",
                "off   | {\"t\":0,\"k\":\"w\",\"off\":\"0xffffffffffffffff\",\"size\":4,\"val\":\"0x0\"}",
                "off   | {\"t\":0,\"k\":\"w\",\"off\":\"18\",\"size\":4,\"val\":\"0x0\"}",
                "size  | {\"t\":0,\"k\":\"w\",\"off\":\"0x18\",\"size\":5,\"val\":\"0x0\"}",
                "size  | {\"t\":0,\"k\":\"r\",\"off\":\"0x18\",\"size\":2,\"val\":\"0x0\"}",
                "val   | {\"t\":0,\"k\":\"w\",\"off\":\"0x18\",\"size\":4,\"val\":null}",
                "val   | {\"t\":0,\"k\":\"w\",\"off\":\"0x18\",\"size\":4,\"val\":\"0x10000000000000000\"}",
                "val   | {\"t\":0,\"k\":\"w\",\"off\":\"0x18\",\"size\":4,\"val\":{\"a\":[1,{}]}}",
                "hex   | {\"t\":0,\"k\":\"cmd\",\"idx\":0}",
                "hex   | {\"t\":0,\"k\":\"cmd\",\"idx\":0,\"hex\":\"11\"}",
                "hex   | {\"t\":0,\"k\":\"cmd\",\"idx\":0,\"hex\":\"110000000000000000000000\"}",
                "hex   | {\"t\":0,\"k\":\"cmd\",\"idx\":0,\"hex\":\"1100000000000000000000000000000\"}",
                "hex   | {\"t\":0,\"k\":\"cmd\",\"idx\":0,\"hex\":\"1100000000000000000000000000000g\"}",
                "idx   | {\"t\":0,\"k\":\"cmd\",\"idx\":-3,\"hex\":\"11000000000000000000000000000000\"}",
                "addr  | {\"t\":0,\"k\":\"mem\",\"what\":\"pte\",\"addr\":\"0x3004\",\"q\":[\"0x1\"]}",
                "addr  | {\"t\":0,\"k\":\"mem\",\"what\":\"pte\",\"addr\":\"0x10000000000000\",\"q\":[\"0x1\"]}",
                "q     | {\"t\":0,\"k\":\"mem\",\"what\":\"pte\",\"addr\":\"0x3000\",\"q\":[]}",
                "q     | {\"t\":0,\"k\":\"mem\",\"what\":\"pte\",\"addr\":\"0x3000\",\"q\":[1.5]}",
                "q     | {\"t\":0,\"k\":\"mem\",\"what\":\"pte\",\"addr\":\"0x3000\",\"q\":[\"zz\"]}",
                "q     | {\"t\":0,\"k\":\"mem\",\"what\":\"pte\",\"addr\":\"0x3000\",\"q\":\"0x1\"}",
                "what  | {\"t\":0,\"k\":\"mem\",\"addr\":\"0x3000\",\"q\":[\"0x1\"]}",
                "mask  | {\"t\":0,\"k\":\"xlate\",\"dev\":\"0x18\",\"iova\":\"0x0\",\"access\":1,\"pa\":\"0x0\","
                        + "\"mask\":\"0xffe\",\"perm\":3,\"fault\":null,\"hit\":true}",
                "access| {\"t\":0,\"k\":\"xlate\",\"dev\":\"0x18\",\"iova\":\"0x0\",\"access\":9,\"pa\":\"0x0\","
                        + "\"mask\":\"0xfff\",\"perm\":3,\"fault\":null,\"hit\":true}",
                "hit   | {\"t\":0,\"k\":\"xlate\",\"dev\":\"0x18\",\"iova\":\"0x0\",\"access\":1,\"pa\":\"0x0\","
                        + "\"mask\":\"0xfff\",\"perm\":3,\"fault\":null,\"hit\":1}",
                "dev   | {\"t\":0,\"k\":\"xlate\",\"dev\":\"0x100000000\",\"iova\":\"0x0\",\"access\":1,\"pa\":\"0x0\","
                        + "\"mask\":\"0xfff\",\"perm\":3,\"fault\":null,\"hit\":true}",
            })
    void shouldNameTheKeyThatIsWrong(String key, String line) {
        CaptureFiles.lines(directory, Timeline.FILE, "{\"t\":0,\"k\":\"note\"}", line);

        CaptureException refusal = assertThrows(CaptureException.class, this::timeline);

        assertEquals(Timeline.FILE, refusal.file());
        assertEquals(2, refusal.line());
        assertEquals(key, refusal.key());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"t\":1,\"t\":2,\"k\":\"note\"}",
                "{\"t\":1,\"k\":\"note\"} {\"t\":2,\"k\":\"note\"}",
                "[1,2]",
                "''",
                "null",
                "{\"t\":1,\"k\":\"note\",\"x\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}",
            })
    void shouldNameTheLineThatIsNoFlatObject(String line) {
        CaptureFiles.lines(directory, Timeline.FILE, "{\"t\":0,\"k\":\"note\"}", line);

        assertEquals(2, assertThrows(CaptureException.class, this::timeline).line());
    }

    @Test
    void shouldRefuseTimeThatRunsBackwards() {
        CaptureFiles.lines(directory, Timeline.FILE, "{\"t\":5,\"k\":\"note\"}", "{\"t\":4,\"k\":\"note\"}");

        assertEquals("t", assertThrows(CaptureException.class, this::timeline).key());
    }

    @Test
    void shouldRefuseAnAbsurdlyLongLineWithoutKeepingIt() throws IOException {
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(directory.resolve(Timeline.FILE)))) {
            byte[] chunk = " ".repeat(1 << 16).getBytes(StandardCharsets.UTF_8);
            for (int i = 0; i < 1024; i++) {
                out.write(chunk);
            }
        }

        CaptureException refusal = assertThrows(CaptureException.class, this::timeline);

        assertTrue(refusal.getMessage().contains("longer than"), refusal.getMessage());
    }

    @Test
    void shouldRefuseASmallFileThatUnpacksToSomethingHuge() throws IOException {
        byte[] line =
                ("{\"t\":0,\"k\":\"note\",\"x\":\"" + " ".repeat(1 << 19) + "\"}\n").getBytes(StandardCharsets.UTF_8);
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(directory.resolve(Timeline.FILE)))) {
            for (int i = 0; i < 260; i++) {
                out.write(line);
            }
        }

        CaptureException refusal = assertThrows(CaptureException.class, this::timeline);

        assertTrue(refusal.getMessage().contains("unpacks to more than"), refusal.getMessage());
    }

    @Test
    void shouldPassOverTheByteOrderMarkOfUtf8AndNameOtherEncodings() throws IOException {
        Path run = directory.resolve("run.json");
        String text = Files.readString(run);
        Files.writeString(run, "\ufeff" + text);
        assertEquals(IommuModel.INTEL, Capture.open(directory, Formats.ALL).model());
        CaptureFiles.lines(directory, Timeline.FILE, "\ufeff{\"t\":0,\"k\":\"note\"}");
        assertEquals(1, timeline().size());

        Files.write(run, new byte[] {(byte) 0xff, (byte) 0xfe, '{', 0});
        CaptureException refusal = assertThrows(CaptureException.class, () -> Capture.open(directory, Formats.ALL));

        assertTrue(
                refusal.getMessage().endsWith("is UTF-16 by its byte order mark; UTF-8 is read"), refusal.getMessage());
    }

    @Test
    void shouldAcceptALastLineWithoutItsEnd() throws IOException {
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(directory.resolve(Timeline.FILE)))) {
            out.write("{\"t\":0,\"k\":\"note\"}".getBytes(StandardCharsets.UTF_8));
        }

        assertEquals(1, timeline().size());
    }

    @Test
    void shouldRefuseAPageOfTheWrongLength() {
        CaptureFiles.lines(directory, FrozenImage.PAGES, "{\"pa\":\"0x1000\",\"hex\":\"00\"}");

        CaptureException refusal = assertThrows(CaptureException.class, this::readAll);

        assertEquals("hex", refusal.key());
    }

    @Test
    void shouldRefuseAWalkWithAnOddSize() {
        CaptureFiles.lines(
                directory,
                FrozenImage.WALKS,
                "{\"dev\":\"0x18\",\"iova\":\"0x0\",\"pa\":\"0x0\",\"perm\":3,\"level\":1,\"size\":\"0x1001\"}");

        assertEquals("size", assertThrows(CaptureException.class, this::readAll).key());
    }

    private List<CaptureRecord> timeline() {
        List<CaptureRecord> records = new ArrayList<>();
        try (Timeline timeline = Capture.open(directory, Formats.ALL).timeline()) {
            for (CaptureRecord next = timeline.next(); next != null; next = timeline.next()) {
                records.add(next);
            }
        }
        return records;
    }

    private void readAll() {
        ReadAll.of(directory);
    }
}
