package org.iommu4j.upgrade.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.core.IommuCore;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.upgrade.ReplayOptions;
import org.iommu4j.upgrade.ReplayResult;
import org.iommu4j.upgrade.Tally;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The captured zPCI guests of the repository, on both paths: everything as the capture says, and no fault of anybody. */
class ZpciReplayGoldenTest {
    private static final Path CAPTURES = Path.of("..", "traces", "s390");

    /** Counts of the captures' own run.json. */
    private static final Map<String, Expected> EXPECTED = Map.of(
            "lazy-virtio",
            new Expected(
                    12954,
                    324,
                    Map.of(
                            "clp_query_grp", 2L,
                            "clp_query_pci", 2L,
                            "clp_set_pci", 2L,
                            "REG_INT", 2L,
                            "REG_IOAT", 2L,
                            "SET_MEASURE", 2L,
                            "rpcit", 2285L)),
            "strict-nvme-virtionet",
            new Expected(
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
                            "rpcit", 2412L)));

    private static IommuCore core;

    private record Expected(long translations, long walks, Map<String, Long> instructions) {}

    @BeforeAll
    static void startCore() {
        core = new IommuCore(new SimulatedPlatformFactory());
        core.arrived(new ZpciBackend());
    }

    @AfterAll
    static void stopCore() {
        core.close();
    }

    static Stream<Arguments> cases() {
        List<Arguments> cases = new ArrayList<>();
        for (String capture : EXPECTED.keySet()) {
            for (ReplayOptions.Path path : ReplayOptions.Path.values()) {
                // The host shadows the tables: there is no cache whose size could matter, so the ends are enough.
                cases.add(Arguments.of(capture, path, CacheConfig.NONE));
                cases.add(Arguments.of(capture, path, CacheConfig.WORST_CASE));
            }
        }
        return cases.stream();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void shouldAnswerAsTheCapturedMachineDid(String capture, ReplayOptions.Path path, CacheConfig cache) {
        Expected expected = EXPECTED.get(capture);

        ReplayResult result = new Replay(core)
                .replay(
                        CAPTURES.resolve(capture),
                        ReplayOptions.DEFAULT.withPath(path).withCache(cache));

        assertEquals(List.of(), result.differences());
        assertTrue(result.ok(), result::toText);
        assertEquals(allEqual(expected.translations), result.translations());
        assertEquals(allEqual(expected.walks), result.walks());
        assertEquals(result.registers().compared(), result.registers().equal());
        Map<String, Long> executed = new TreeMap<>();
        result.commands().forEach((kind, tally) -> {
            assertEquals(tally.executed(), tally.decoded(), kind);
            executed.put(kind, tally.executed());
        });
        assertEquals(expected.instructions, executed);
        assertEquals(0, result.refusals());
        assertEquals(result.requests().sent(), result.requests().completed());
        SanitizerReport found = result.sanitizer();
        assertTrue(found.fills() > 0, found::toString);
        assertEquals(Map.of(), found.counts(), found::toString);
        assertEquals(List.of("shadow"), List.copyOf(result.notModelled().keySet()));
    }

    private static Tally allEqual(long count) {
        return new Tally(count, count, 0);
    }
}
