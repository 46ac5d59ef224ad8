package org.iommu4j.upgrade.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.Finding;
import org.iommu4j.core.IommuCore;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.spapr.SpaprBackend;
import org.iommu4j.upgrade.ReplayOptions;
import org.iommu4j.upgrade.ReplayResult;
import org.iommu4j.upgrade.Tally;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The captured sPAPR guests on both paths; what is expected is what the captures' own run.json counts. */
class SpaprReplayGoldenTest {
    private static final Path REAL = Path.of("..", "traces", "spapr");

    private static IommuCore core;

    private static final Map<String, Expected> EXPECTED = Map.of(
            "ddw-virtio",
            new Expected(10814, 32, Map.of("H_PUT_TCE_INDIRECT", 1L, "H_STUFF_TCE", 512L, "ddw", 2L)),
            "noddw-nvme-e1000",
            new Expected(5665, 383, Map.of("H_PUT_TCE", 1153L, "H_PUT_TCE_INDIRECT", 145L, "H_STUFF_TCE", 1773L)));

    private record Expected(long translations, long walks, Map<String, Long> calls) {}

    @BeforeAll
    static void startCore() {
        core = new IommuCore(new SimulatedPlatformFactory());
        core.arrived(new SpaprBackend());
    }

    @AfterAll
    static void stopCore() {
        core.close();
    }

    static Stream<Arguments> cases() {
        List<Arguments> cases = new ArrayList<>();
        for (String capture : EXPECTED.keySet()) {
            for (ReplayOptions.Path path : ReplayOptions.Path.values()) {
                for (CacheConfig cache : List.of(CacheConfig.TINY, CacheConfig.WORST_CASE)) {
                    cases.add(Arguments.of(capture, path, cache));
                }
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
                        REAL.resolve(capture),
                        ReplayOptions.DEFAULT.withPath(path).withCache(cache));

        assertEquals(List.of(), result.differences());
        assertTrue(result.ok(), result::toText);
        assertEquals(allEqual(expected.translations()), result.translations());
        assertEquals(allEqual(expected.walks()), result.walks());
        expected.calls().forEach((kind, count) -> {
            assertEquals(count, result.commands().get(kind).decoded(), kind);
            assertEquals(count, result.commands().get(kind).executed(), kind);
        });
        assertEquals(0, result.refusals());
        assertEquals(0, result.requests().refusedTotal());
        assertEquals(result.requests().sent(), result.requests().completed());
        assertTrue(
                Set.of(Finding.Kind.SUPERFLUOUS)
                        .containsAll(result.sanitizer().counts().keySet()),
                result::toText);
    }

    private static Tally allEqual(long count) {
        return new Tally(count, count, 0);
    }
}
