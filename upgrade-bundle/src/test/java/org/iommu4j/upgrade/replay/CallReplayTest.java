package org.iommu4j.upgrade.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.iommu4j.core.IommuCore;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.upgrade.CaptureFiles;
import org.iommu4j.upgrade.ReplayOptions;
import org.iommu4j.upgrade.ReplayResult;
import org.iommu4j.upgrade.Tally;
import org.iommu4j.upgrade.plain.PlainBackend;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Captured guests of models with calls, played to plain models of these. */
class CallReplayTest {
    private static final Path TRACES = CaptureFiles.TRACES;

    /** Counts of the captures' own run.json. */
    private static final Map<String, Expected> EXPECTED = Map.of(
            "spapr/ddw-virtio",
            new Expected(
                    3,
                    10814,
                    32,
                    Map.of("ddw", 2L, "H_PUT_TCE_INDIRECT", 1L, "H_STUFF_TCE", 512L),
                    Map.of("table", 4L)),
            "spapr/noddw-nvme-e1000",
            new Expected(
                    2,
                    5665,
                    383,
                    Map.of("H_PUT_TCE", 1153L, "H_PUT_TCE_INDIRECT", 145L, "H_STUFF_TCE", 1773L),
                    Map.of("table", 3L)),
            "s390/lazy-virtio",
            new Expected(
                    2,
                    12954,
                    324,
                    Map.of(
                            "clp_query_grp", 2L,
                            "clp_query_pci", 2L,
                            "clp_set_pci", 2L,
                            "REG_INT", 2L,
                            "REG_IOAT", 2L,
                            "SET_MEASURE", 2L,
                            "rpcit", 2285L),
                    Map.of("shadow", 2724L)),
            "s390/strict-nvme-virtionet",
            new Expected(
                    2,
                    11588,
                    364,
                    Map.of(
                            "clp_query_grp", 2L,
                            "clp_query_pci", 2L,
                            "clp_set_pci", 2L,
                            "DEREG_INT", 2L,
                            "REG_INT", 3L,
                            "REG_IOAT", 2L,
                            "SET_MEASURE", 3L,
                            "rpcit", 2412L),
                    Map.of("shadow", 4327L)));

    @TempDir
    private Path directory;

    private IommuCore core;

    private record Expected(
            int subVersion, long translations, long walks, Map<String, Long> calls, Map<String, Long> passedOver) {}

    @BeforeEach
    void startCore() {
        core = new IommuCore(new SimulatedPlatformFactory());
        core.arrived(PlainBackend.tce("1.0.0"));
        core.arrived(PlainBackend.zpci("1.0.0"));
    }

    @AfterEach
    void stopCore() {
        assertEquals(List.of(), core.units(), "a replay closes its units");
        core.close();
    }

    static Stream<Arguments> cases() {
        List<Arguments> cases = new ArrayList<>();
        for (String capture : EXPECTED.keySet()) {
            for (ReplayOptions.Path path : ReplayOptions.Path.values()) {
                cases.add(Arguments.of(capture, path));
            }
        }
        return cases.stream();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void shouldAnswerAsTheCapturedMachineDid(String capture, ReplayOptions.Path path) {
        Expected expected = EXPECTED.get(capture);

        ReplayResult result = replay(TRACES.resolve(capture), path);

        assertEquals(List.of(), result.differences());
        assertTrue(result.ok(), result::toText);
        assertEquals(expected.subVersion(), result.subVersion());
        assertEquals(allEqual(expected.translations()), result.translations());
        assertEquals(allEqual(expected.walks()), result.walks());
        Map<String, Long> executed = new TreeMap<>();
        result.commands().forEach((kind, tally) -> {
            assertEquals(tally.decoded(), tally.executed(), kind);
            executed.put(kind, tally.executed());
        });
        assertEquals(new TreeMap<>(expected.calls()), executed);
        assertEquals(
                allEqual(executed.values().stream().mapToLong(Long::longValue).sum()), result.registers());
        assertEquals(new TreeMap<>(expected.passedOver()), new TreeMap<>(result.notModelled()));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "spapr/noddw-nvme-e1000 | \"H_PUT_TCE\" | \"ret\":0 | \"ret\":-4 | H_PUT_TCE -4 | 0",
                "spapr/ddw-virtio | ddw_query | mask=0x107 | mask=0x7 | ibm,query-pe-dma-window mask 0x7 | 0x107",
                "spapr/ddw-virtio | ddw_query | addr=0x1800, 1 | addr=0x1800, 2 | ibm,query-pe-dma-window windows 0x2 | 0x1",
                "spapr/ddw-virtio | ddw_create | liobn=0x80000001 | liobn=0x80000002 "
                        + "| ibm,create-pe-dma-window liobn 0x80000002 | 0x80000001",
                "s390/lazy-virtio | clp_set_pci | new_handle\":\"0x80020000 | new_handle\":\"0x81020000 "
                        + "| CLP new_handle 0x81020000 | 0x80020000",
                "s390/lazy-virtio | REG_INT | \"cc\":0 | \"cc\":1 | MPCIFC 1 | 0",
            })
    void shouldNameACallThatIsAnsweredOtherwise(
            String capture, String record, String from, String to, String expected, String got) {
        copy(capture, line -> line.contains(record) ? line.replace(from, to) : line);

        for (ReplayOptions.Path path : ReplayOptions.Path.values()) {
            ReplayResult result = replay(directory, path);

            assertFalse(result.ok(), result::toText);
            assertTrue(result.refusals() > 0, result::toText);
            ReplayResult.Difference first = result.differences().get(0);
            assertEquals("call", first.what(), result::toText);
            assertEquals(expected, first.expected());
            assertEquals(got, first.got());
        }
    }

    @Test
    void shouldFindATranslationThatIsDifferent() {
        copy("s390/lazy-virtio", line -> line.contains("\"t\":20,") ? line.replace("0x27a7000", "0x27a8000") : line);

        for (ReplayOptions.Path path : ReplayOptions.Path.values()) {
            assertEquals(1, replay(directory, path).translations().different());
        }
    }

    @Test
    void shouldFindAFrozenMappingThatTheCallsDidNotMake() {
        copy("spapr/noddw-nvme-e1000", line -> line);
        CaptureFiles.edit(
                directory, "frozen/walks.jsonl.gz", line -> line.replace("\"pa\":\"0x23c0000\"", "\"pa\":\"0x0\""));

        assertEquals(1, replay(directory, ReplayOptions.Path.DIRECT).walks().different());
    }

    private void copy(String capture, UnaryOperator<String> change) {
        CaptureFiles.copy(TRACES.resolve(capture), directory);
        CaptureFiles.edit(directory, "timeline.jsonl.gz", change);
    }

    private ReplayResult replay(Path capture, ReplayOptions.Path path) {
        return new Replay(core).replay(capture, ReplayOptions.DEFAULT.withPath(path));
    }

    private static Tally allEqual(long count) {
        return new Tally(count, count, 0);
    }
}
