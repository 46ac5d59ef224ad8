package org.iommu4j.upgrade.capture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.iommu4j.s390.command.Clp;
import org.iommu4j.upgrade.CaptureException;
import org.iommu4j.upgrade.CaptureFiles;
import org.iommu4j.upgrade.Formats;
import org.iommu4j.upgrade.capture.CaptureRecord.Call;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CallRecordsTest {
    private static final String BRIDGE = "buid=0x800000020000000 addr=0x1800";

    @TempDir
    private Path directory;

    private static String hcall(String call, String... args) {
        return "{\"t\":0,\"k\":\"hcall\",\"call\":\"" + call + "\",\"args\":[\"" + String.join("\",\"", args)
                + "\"],\"ret\":0}";
    }

    private static String ddw(String text) {
        return "{\"t\":0,\"k\":\"ddw\",\"text\":\"" + text + "\"}";
    }

    private static String group(String fr) {
        return "{\"t\":0,\"k\":\"clp_query_grp\",\"group\":\"0xff\",\"fr\":\"" + fr + "\",\"dasm\":\"0x0\","
                + "\"msia\":\"0xfe00000000000000\",\"maxstbl\":\"0x80\",\"dtsm\":\"0x40\"}";
    }

    private static String refresh(long t) {
        return "{\"t\":" + t + ",\"k\":\"rpcit\",\"r1\":\"8002000000000000\",\"start\":\"0x100000000\","
                + "\"length\":\"0x1000\",\"cc\":0}";
    }

    private static String read(long t, String what, String addr, String word) {
        return "{\"t\":" + t + ",\"k\":\"mem\",\"what\":\"" + what + "\",\"addr\":\"" + addr + "\",\"q\":[\"" + word
                + "\"]}";
    }

    private Call only(String arch, String line) {
        return assertInstanceOf(Call.class, record(arch, line));
    }

    private CaptureRecord record(String arch, String line) {
        CaptureFiles.lines(directory, Timeline.FILE, line);
        CaptureFiles.text(directory, "run.json", "{\"arch\": \"" + arch + "\"}");
        CaptureFiles.text(directory, FrozenImage.REGISTERS, "{\"functions\": []}");
        CaptureFiles.text(directory, "commands.jsonl", "");
        CaptureFiles.text(directory, "translations.jsonl", "");
        try (Timeline timeline = Capture.open(directory, Formats.ALL).timeline()) {
            return timeline.next();
        }
    }

    private UnitScan scan(String arch, String... lines) {
        CaptureFiles.small(directory);
        CaptureFiles.text(directory, "run.json", "{\"arch\": \"" + arch + "\"}");
        CaptureFiles.text(directory, FrozenImage.REGISTERS, "{\"functions\": [], \"freeze_t\": 5}");
        CaptureFiles.lines(directory, Timeline.FILE, lines);
        return CaptureScan.of(Capture.open(directory, Formats.ALL)).first();
    }

    @Test
    void shouldMakeAHypercallOfItsArguments() {
        Call call = only("spapr", hcall("H_PUT_TCE", "0x80000000", "0x1000", "0x2003"));

        assertEquals("H_PUT_TCE", call.kind());
        assertEquals("H_PUT_TCE", call.call());
        assertEquals(
                List.of(
                        new Call.Argument(null, 0, 0x8000_0000L, null),
                        new Call.Argument(null, 1, 0x1000, null),
                        new Call.Argument(null, 2, 0x2003, null)),
                call.arguments());
        assertEquals(Call.Stored.NOTHING, call.stored());
        assertEquals(0, call.code());
    }

    @Test
    void shouldKeepTheListOfAnIndirectHypercall() {
        Call call = only(
                "spapr",
                hcall("H_PUT_TCE_INDIRECT", "0x80000000", "0x0", "0x5000", "0x2")
                        .replace("\"ret\":0", "\"ret\":-4,\"tces\":[\"0x3\",\"0x1003\"]"));

        assertEquals(new Call.Stored(0x5000, List.of(3L, 0x1003L)), call.stored());
        assertEquals(-4, call.code());
    }

    @Test
    void shouldMakeRtasCallsOfTheText() {
        Call query = only(
                "spapr", ddw("ddw_query " + BRIDGE + ", 1 windows available, max window size=0x80000000, mask=0x107"));
        assertEquals("ddw", query.kind());
        assertEquals("ibm,query-pe-dma-window", query.call());
        assertEquals(List.of(3L, 5L, 0x1800L, 0x800_0000L, 0x2000_0000L), words(query));
        assertEquals(
                List.of(1L, 0x107L),
                query.results().stream().map(Call.Result::value).toList());

        Call create = only(
                "spapr",
                ddw("ddw_create " + BRIDGE
                        + ", page size=0x1000000, requested=0x20000000, start addr=0x800000000000000,"
                        + " liobn=0x80000001"));
        assertEquals("ibm,create-pe-dma-window", create.call());
        assertEquals(List.of(5L, 4L, 0x1800L, 0x800_0000L, 0x2000_0000L, 24L, 29L), words(create));
        assertEquals(
                List.of(0x8000_0001L, 0x800_0000L, 0L),
                create.results().stream().map(Call.Result::value).toList());

        assertEquals(
                "ibm,remove-pe-dma-window",
                only("spapr", ddw("ddw_remove liobn=0x80000001")).call());
        assertEquals(
                "ibm,reset-pe-dma-window",
                only("spapr", ddw("ddw_reset " + BRIDGE)).call());
    }

    /** The words of a call, by their index. */
    private static List<Long> words(Call call) {
        return call.arguments().stream()
                .sorted(Comparator.comparingInt(Call.Argument::word))
                .map(Call.Argument::value)
                .toList();
    }

    @Test
    void shouldMakeInstructionsWithBlocksOfMemory() {
        Call call = only(
                "s390",
                "{\"t\":4,\"k\":\"clp_set_pci\",\"handle\":\"0x20000\",\"oc\":0,\"ndas\":1,"
                        + "\"new_handle\":\"0x80020000\",\"rsp\":\"0x10\"}");

        assertEquals("CLP", call.call());
        assertEquals(
                List.of(new Call.Argument(
                        "block",
                        0,
                        0,
                        "0020000500000000" + "0000000000000000" + "0002000000000001" + "0000000000000000"
                                + "0020000000000000" + "0000000000000000")),
                call.arguments());
        assertEquals(
                new Call.Result("rsp", -1, 32, Clp.SetResponse.LAYOUT, Clp.SetResponse.CODE, 0x10),
                call.results().get(0));
        assertEquals(
                new Call.Result("new_handle", -1, 32, Clp.SetResponse.LAYOUT, Clp.SetResponse.FH, 0x8002_0000L),
                call.results().get(1));

        Call refresh = only("s390", refresh(0));
        assertEquals(
                List.of(
                        new Call.Argument("r1", 0, 0x8002_0000_0000_0000L, null),
                        new Call.Argument("start", 0, 0x1_0000_0000L, null),
                        new Call.Argument("length", 0, 0x1000, null)),
                refresh.arguments());
    }

    @Test
    void shouldPassOverTextThatNoRuleKnows() {
        assertEquals(new CaptureRecord.Other(0, "ddw", Map.of(), false), record("spapr", ddw("ddw_sing la")));
        assertEquals(new CaptureRecord.Other(0, "hcall", Map.of(), false), record("s390", hcall("H_PUT_TCE", "0x1")));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "spapr | call | {\"t\":0,\"k\":\"hcall\",\"args\":[\"0x1\"],\"ret\":0}",
                "spapr | call | {\"t\":0,\"k\":\"hcall\",\"call\":\"\",\"args\":[\"0x1\"],\"ret\":0}",
                "spapr | args | {\"t\":0,\"k\":\"hcall\",\"call\":\"H\",\"args\":[1.5],\"ret\":0}",
                "spapr | args | {\"t\":0,\"k\":\"hcall\",\"call\":\"H\",\"ret\":0}",
                "spapr | ret  | {\"t\":0,\"k\":\"hcall\",\"call\":\"H\",\"args\":[\"0x1\"]}",
                "spapr | tces | {\"t\":0,\"k\":\"hcall\",\"call\":\"H\",\"args\":[\"0x1\"],\"ret\":0,\"tces\":[\"0x1\"]}",
                "spapr | tces | {\"t\":0,\"k\":\"hcall\",\"call\":\"H\",\"args\":[\"0x0\",\"0x0\",\"0x4\"],\"ret\":0,"
                        + "\"tces\":[\"0x1\"]}",
                "spapr | text | {\"t\":0,\"k\":\"ddw\"}",
                "spapr | text | {\"t\":0,\"k\":\"ddw\",\"text\":\"ddw_create buid=0x8 addr=0x1800, page size=0x1001, "
                        + "requested=0x20000000, start addr=0x8, liobn=0x80000001\"}",
                "s390  | r1   | {\"t\":0,\"k\":\"rpcit\",\"r1\":\"80\",\"start\":\"0x0\",\"length\":\"0x0\",\"cc\":0}",
                "s390  | cc   | {\"t\":0,\"k\":\"rpcit\",\"r1\":\"8002000000000000\",\"start\":\"0x0\",\"length\":\"0x0\"}",
                "s390  | fib  | {\"t\":0,\"k\":\"mpcifc\",\"r1\":\"8002000000000000\",\"event\":\"REG_IOAT\",\"cc\":0}",
            })
    void shouldNameTheKeyThatIsWrong(String arch, String key, String line) {
        CaptureException refusal = assertThrows(CaptureException.class, () -> record(arch, line));

        assertEquals(key, refusal.key(), refusal.getMessage());
        assertEquals(1, refusal.line());
    }

    @Test
    void shouldFindTheGenerationThatTheCallsNeed() {
        String create = ddw("ddw_create " + BRIDGE
                + ", page size=0x10000, requested=0x20000000, start addr=0x800000000000000, liobn=0x80000001");
        assertEquals(
                1, scan("spapr", hcall("H_PUT_TCE", "0x80000000", "0x0", "0x0")).subVersion());
        assertEquals(
                2,
                scan("spapr", hcall("H_STUFF_TCE", "0x80000000", "0x0", "0x0", "0x1"))
                        .subVersion());
        assertEquals(
                2,
                scan("spapr", hcall("H_PUT_TCE_INDIRECT", "0x80000000", "0x0", "0x0", "0x1"))
                        .subVersion());
        assertEquals(
                3,
                scan("spapr", hcall("H_STUFF_TCE", "0x80000000", "0x0", "0x0", "0x1"), create)
                        .subVersion());
        assertEquals(1, scan("s390", group("0x0")).subVersion());
        assertEquals(2, scan("s390", group("0x1")).subVersion());
    }

    @Test
    void shouldReadPageSizesFromTheMaskOfTheQuery() {
        assertEquals(
                Map.of("pe", Map.of("pgsizes", 1L << 12 | 1L << 16 | 1L << 24 | 1L << 21)),
                scan(
                                "spapr",
                                ddw("ddw_query " + BRIDGE
                                        + ", 1 windows available, max window size=0x80000000, mask=0x107"))
                        .fields());
        assertEquals(
                Map.of(),
                scan("spapr", hcall("H_PUT_TCE", "0x80000000", "0x0", "0x0")).fields());
    }

    @Test
    void shouldPlaceWhatARefreshReadsBeforeIt() {
        UnitScan scan = scan(
                "s390",
                refresh(1),
                read(2, "rte", "0x1000", "0x2007"),
                read(3, "pte", "0x3000", "0x9000"),
                refresh(4),
                read(5, "rte", "0x1000", "0x2007"),
                read(6, "pte", "0x3000", "0x9400"));

        assertEquals(
                List.of(
                        new UnitScan.Edit(1, 0x1000, List.of(0x2007L)),
                        new UnitScan.Edit(1, 0x3000, List.of(0x9000L)),
                        new UnitScan.Edit(4, 0x3000, List.of(0x9400L))),
                scan.edits());
    }

    @Test
    void shouldBringAFrozenFunctionUpFromItsRegisters() {
        CaptureFiles.small(directory);
        CaptureFiles.text(directory, "run.json", "{\"arch\": \"s390\"}");
        CaptureFiles.text(
                directory,
                FrozenImage.REGISTERS,
                "{\"functions\": [{\"handle\": \"0x80020001\", \"iota\": \"0x1b6c804\", \"pba\": \"0x100000000\","
                        + " \"pal\": \"0x10bffffff\", \"iommu_enabled\": 1}], \"freeze_t\": 4351}");

        FrozenImage frozen = Capture.open(directory, Formats.ALL).frozen();

        assertEquals(
                List.of("CLP", "MPCIFC", "RPCIT"),
                frozen.calls("").stream().map(Call::call).toList());
        assertTrue(frozen.calls("").get(0).arguments().get(0).hex().contains("0002000100000001"));
        assertEquals(0xc00_0000, frozen.calls("").get(2).arguments().get(2).value(), "length of the aperture");
        assertEquals(4351, frozen.stoppedAt());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "functions | {\"freeze_t\": 1}",
                "functions | {\"functions\": [1]}",
                "functions | {\"functions\": {}}",
                "pal       | {\"functions\": [{\"handle\": \"0x1\", \"iota\": \"0x1\", \"pba\": \"0x1\"}]}",
            })
    void shouldNameWhatIsWrongInFrozenRegisters(String key, String registers) {
        CaptureFiles.small(directory);
        CaptureFiles.text(directory, "run.json", "{\"arch\": \"s390\"}");
        CaptureFiles.text(directory, FrozenImage.REGISTERS, registers);

        CaptureException refusal = assertThrows(CaptureException.class, () -> Capture.open(directory, Formats.ALL));

        assertEquals(FrozenImage.REGISTERS, refusal.file());
        assertEquals(key, refusal.key(), refusal.getMessage());
    }

    @Test
    void shouldSayWhenNothingTellsWhenTheMachineWasStopped() {
        scan("spapr", hcall("H_PUT_TCE", "0x80000000", "0x0", "0x0"));
        CaptureFiles.text(directory, FrozenImage.REGISTERS, "{\"tables\": [{\"valid\": 0}]}");

        FrozenImage frozen = Capture.open(directory, Formats.ALL).frozen();

        assertEquals(
                "freeze_t",
                assertThrows(CaptureException.class, frozen::stoppedAt).key());
    }
}
