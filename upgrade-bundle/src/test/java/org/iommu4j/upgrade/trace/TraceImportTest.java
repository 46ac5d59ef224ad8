package org.iommu4j.upgrade.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.IommuCore;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.upgrade.CaptureException;
import org.iommu4j.upgrade.CaptureFiles;
import org.iommu4j.upgrade.ImportOptions;
import org.iommu4j.upgrade.ImportResult;
import org.iommu4j.upgrade.LargePage;
import org.iommu4j.upgrade.ReplayOptions;
import org.iommu4j.upgrade.ReplayRefusedException;
import org.iommu4j.upgrade.ReplayResult;
import org.iommu4j.upgrade.Tally;
import org.iommu4j.upgrade.replay.Replay;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What real traces look like, and what is refused. */
class TraceImportTest {
    private static IommuCore core;

    @TempDir
    private Path folder;

    @BeforeAll
    static void startCore() {
        core = new IommuCore(new SimulatedPlatformFactory());
        core.arrived(new VtdBackend());
    }

    @AfterAll
    static void stopCore() {
        core.close();
    }

    private Path trace(String text) throws IOException {
        return Files.writeString(folder.resolve("trace.log"), text, StandardCharsets.ISO_8859_1);
    }

    private ImportResult imported(String text) throws IOException {
        return new TraceImport(core).make(trace(text), folder.resolve("capture"), ImportOptions.DEFAULT);
    }

    private static String lines(String... lines) {
        return String.join("\n", lines) + "\n";
    }

    private List<String> timeline() {
        return CaptureFiles.read(folder.resolve("capture"), "timeline.jsonl.gz");
    }

    @Test
    void shouldFindEventsBetweenAndBehindLinesOfOthers() throws IOException {
        ImportResult result = imported(lines(
                        "SeaBIOS (version 1.16)\r",
                        "[    0.1] DMAR: dmar0: reg_base_addr fed90000 ver 1:0 cap d2008c222f0606 ecap f00f4a\r",
                        "[    0.2] half a line vtd_reg_write addr 0x20 size 0x8 value 0x1000\r",
                        "77@1700000000.000001:vtd_reg_write addr 0x18 size 0x4 value 0x40000000\r",
                        "virtio_queue_notify vdev 0x1 n 0 vq 0x2\r",
                        "vtd_invented_in_version_11 level 3\r",
                        "vtd_inv_qi_fetch \r",
                        "vtd_inv_qi_fetch\r",
                        "vtd_reg_write addr 0x88 size eight value 0x20\r",
                        "vtd_reg_write addr 0x88 size 0x8 val")
                .strip());

        assertEquals(Map.of("w", 2L), result.records());
        assertEquals(
                Map.of(
                        "(lines of something else)", 2L,
                        "vtd_invented_in_version_11 (an event that is not known)", 1L,
                        "vtd_reg_write (a text that is not known, first in line 9)", 1L,
                        "(the last line, which is cut)", 1L),
                result.passedOver());
        assertEquals(
                "{\"t\":0,\"k\":\"w\",\"off\":\"0x20\",\"size\":8,\"val\":\"0x1000\"}",
                timeline().get(0));
        assertTrue(result.assumed().stream().noneMatch(sentence -> sentence.startsWith("ECAP")), result::toText);
        assertTrue(result.toText().contains("assumed: VER is 0x10"), result::toText);
        assertTrue(result.toJson().contains("\"passedOver\":{"), result::toJson);
    }

    @Test
    void shouldBringTheEventsOfAThreadTogether() throws IOException {
        imported(lines(
                "1@1.1:vtd_iotlb_page_update IOTLB page update sid 0x18 iova 0x5000 slpte 0x9003 domain 0x3",
                "2@1.1:vtd_iotlb_page_hit IOTLB page hit sid 0x18 iova 0x5000 slpte 0xa003 domain 0x4",
                "2@1.1:vtd_dmar_translate dev 00:03.00 iova 0x5000 -> gpa 0xa000 mask 0xfff",
                "1@1.1:vtd_dmar_translate dev 00:03.00 iova 0x5000 -> gpa 0x9000 mask 0xfff"));

        assertTrue(timeline().get(0).contains("\"pa\":\"0xa000\""), timeline().get(0));
        assertTrue(
                timeline().get(0).endsWith("\"hit\":true,\"leaf\":\"0xa003\",\"did\":4}"),
                timeline().get(0));
        assertTrue(
                timeline().get(1).endsWith("\"hit\":false,\"leaf\":\"0x9003\",\"did\":3}"),
                timeline().get(1));
    }

    @Test
    void shouldKeepARefusedTranslationWithItsReason() throws IOException {
        imported(lines(
                "vtd_dmar_fault sid 0x18 fault 5 addr 0x5010 write 1",
                "vtd_dmar_fault sid 0x18 fault 37 addr 0x1 write 0"));

        assertEquals(
                List.of(
                        "{\"t\":0,\"k\":\"xlate\",\"dev\":\"0x18\",\"iova\":\"0x5010\",\"access\":2,\"pa\":null,\"mask\":null,"
                                + "\"perm\":null,\"fault\":5,\"hit\":false}",
                        "{\"t\":1,\"k\":\"fault\"}"),
                timeline());
    }

    @Test
    void shouldReplayWithoutAnImageAndJudgeNoTranslation() throws IOException {
        ImportResult result = imported(lines(
                "vtd_reg_write addr 0x20 size 0x8 value 0x1000",
                "vtd_dmar_translate dev 00:03.00 iova 0x5000 -> gpa 0x9000 mask 0xfff"));

        ReplayResult replayed = new Replay(core).replay(folder.resolve("capture"), ReplayOptions.DEFAULT);

        assertTrue(result.assumed().stream().anyMatch(sentence -> sentence.contains("no image")), result::toText);
        assertTrue(replayed.ok(), replayed::toText);
        assertEquals(Tally.NONE, replayed.translations());
        assertEquals(Map.of("the memory at the stop has no table for the device", 1L), replayed.notJudged());
    }

    @Test
    void shouldRefuseABinaryTraceByName() throws IOException {
        Files.write(folder.resolve("trace.log"), new byte[] {-1, -1, -1, -1, -1, -1, -1, -1, 0});

        CaptureException refusal = assertThrows(
                CaptureException.class,
                () -> new TraceImport(core)
                        .make(folder.resolve("trace.log"), folder.resolve("capture"), ImportOptions.DEFAULT));

        assertTrue(refusal.getMessage().contains("backend \"simple\""), refusal.getMessage());
    }

    @Test
    void shouldRefuseATraceWithoutEventsAndLeaveNothing() throws IOException {
        CaptureException refusal = assertThrows(CaptureException.class, () -> imported("nothing\n"));

        assertTrue(refusal.getMessage().contains("holds no event of vtd_* in 1 lines"), refusal.getMessage());
        try (Stream<Path> left = Files.list(folder)) {
            assertEquals(List.of(folder.resolve("trace.log")), left.toList());
        }
    }

    @Test
    void shouldRefuseAFolderThatIsNotEmpty() throws IOException {
        Files.createDirectories(folder.resolve("capture/mine"));

        assertThrows(CaptureException.class, () -> imported("vtd_inv_qi_fetch\n"));

        assertTrue(Files.exists(folder.resolve("capture/mine")));
    }

    @Test
    void shouldRefuseImagesOfOtherForms() throws IOException {
        Path text = trace("vtd_dmar_translate dev 00:03.00 iova 0x5000 -> gpa 0x9000 mask 0xfff\n");
        for (String form : List.of("KDUMP   x", "PAGEDU64x", "\u007fELF\u0001\u0001" + "x".repeat(64), "\u007fELF")) {
            Path image = Files.writeString(folder.resolve("memory"), form, StandardCharsets.ISO_8859_1);

            assertThrows(
                    CaptureException.class,
                    () -> new TraceImport(core)
                            .make(text, folder.resolve("capture"), ImportOptions.DEFAULT.withMemory(image, 0)),
                    form);
            assertFalse(Files.exists(folder.resolve("capture")));
        }
    }

    @Test
    void shouldRefuseAModelThatReadsNoTraces() throws IOException {
        Path text = trace("vtd_inv_qi_fetch\n");

        assertThrows(
                ReplayRefusedException.class,
                () -> new TraceImport(core)
                        .make(text, folder.resolve("capture"), ImportOptions.DEFAULT.of(IommuModel.S390)));
    }

    @Test
    void shouldReadTheTablesOutOfAnElfCore() {
        StockTrace trace = StockTrace.of("vtd/legacy-strict-nvme-e1000e", false);
        ImportOptions options = ImportOptions.DEFAULT
                .withMemory(trace.writeCore(folder.resolve("memory.elf")), 0)
                .stoppedAfter(trace.linesBeforeStop());

        ImportResult result = new TraceImport(core)
                .make(trace.write(folder.resolve("trace.log"), "\n"), folder.resolve("capture"), options);

        assertEquals(8, result.pages());
        assertEquals(9, result.mappings());
    }

    @Test
    void shouldKeepAMappingWithTheSizeThatTheImageHasForIt() {
        ImportResult result = new TraceImport(core)
                .make(
                        LargePage.trace(folder.resolve("trace.log")),
                        folder.resolve("capture"),
                        ImportOptions.DEFAULT.withMemory(LargePage.image(folder.resolve("memory.raw")), 0));

        assertEquals(1, result.mappings(), "two places of one page");
        assertEquals(
                List.of(
                        "{\"dev\":\"0x18\",\"iova\":\"0x200000\",\"pa\":\"0x600000\",\"perm\":3,\"size\":\"0x200000\"}"),
                CaptureFiles.read(folder.resolve("capture"), "frozen/walks.jsonl.gz"));
        ReplayResult replayed = new Replay(core).replay(folder.resolve("capture"), ReplayOptions.DEFAULT);
        assertTrue(replayed.ok(), replayed::toText);
        assertEquals(new Tally(1, 1, 0), replayed.walks());
        assertEquals(new Tally(2, 2, 0), replayed.translations());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "%s",
                "77@1700000000.000001:%s",
                "qemu-system-x86_64[77]: %s",
                "Nov 30 21:00:00 host qemu-system-x86_64[77]: %s",
                "qemu-77 [001] .... 12.345678: tracing_mark_write: %s",
                "[    0.1] a guest's line without an end 77@1700000000.000001:%s",
                "%s\r"
            })
    void shouldReadALineWhateverWroteIt(String form) throws IOException {
        ImportResult result = imported(lines(
                String.format(form, "vtd_reg_write addr 0x20 size 0x8 value 0x1000"),
                "another program's line",
                String.format(form, "vtd_dmar_translate dev 00:03.00 iova 0x5000 -> gpa 0x9000 mask 0xfff")));

        assertEquals(Map.of("w", 1L, "xlate", 1L), result.records());
        assertEquals(Map.of("(lines of something else)", 1L), result.passedOver());
    }

    @Test
    void shouldSayThatTheTextOfABinaryTraceIsNotRead() throws IOException {
        CaptureException refusal = assertThrows(
                CaptureException.class,
                () -> imported("vtd_reg_write 0.123 pid=77 addr=0x20 size=0x8 value=0x1000\nvtd_inv_new 1.1 pid=77\n"));

        assertTrue(
                refusal.getMessage()
                        .contains(
                                "holds no event of vtd_* in 2 lines that can be read; passed over: vtd_reg_write (a text"
                                        + " that is not known, first in line 1), vtd_inv_new (an event that is not known); what"
                                        + " is read are lines of the backend \"log\""),
                refusal.getMessage());
    }
}
