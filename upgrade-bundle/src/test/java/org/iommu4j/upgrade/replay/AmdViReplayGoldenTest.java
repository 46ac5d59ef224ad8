package org.iommu4j.upgrade.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.iommu4j.amd.AmdViBackend;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.Finding;
import org.iommu4j.core.IommuCore;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.upgrade.CaptureFiles;
import org.iommu4j.upgrade.ReplayOptions;
import org.iommu4j.upgrade.ReplayResult;
import org.iommu4j.upgrade.Tally;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every captured AMD guest, on both paths, with every cache: everything as the capture says. */
class AmdViReplayGoldenTest {
    private static IommuCore core;

    /** Counts of the captures' own run.json. */
    private static final Map<String, Expected> EXPECTED = Map.of(
            "lazy-virtio",
            new Expected(9356, 578, commands(137, 263, 311, 322)),
            "strict-nvme-e1000e",
            new Expected(4359, 530, commands(2030, 261, 317, 2222)),
            "strict-virtio-unbind",
            new Expected(8965, 546, commands(3705, 261, 340, 3892)));

    private record Expected(long translations, long walks, Map<String, Long> commands) {}

    private static Map<String, Long> commands(long waits, long devices, long interrupts, long pages) {
        return Map.of(
                "COMPLETION_WAIT", waits,
                "INVALIDATE_DEVTAB_ENTRY", devices,
                "INVALIDATE_INTERRUPT_TABLE", interrupts,
                "INVALIDATE_IOMMU_ALL", 1L,
                "INVALIDATE_IOMMU_PAGES", pages);
    }

    @BeforeAll
    static void startCore() {
        core = new IommuCore(new SimulatedPlatformFactory());
        core.arrived(new AmdViBackend());
    }

    @AfterAll
    static void stopCore() {
        core.close();
    }

    static Stream<Arguments> cases() {
        List<Arguments> cases = new ArrayList<>();
        for (String capture : EXPECTED.keySet()) {
            for (ReplayOptions.Path path : ReplayOptions.Path.values()) {
                for (CacheConfig cache : CacheConfig.values()) {
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
                        CaptureFiles.TRACES.resolve("amdvi").resolve(capture),
                        ReplayOptions.DEFAULT.withPath(path).withCache(cache));

        assertEquals(List.of(), result.differences());
        assertTrue(result.ok(), result::toText);
        assertEquals(allEqual(expected.translations()), result.translations());
        assertEquals(allEqual(expected.walks()), result.walks());
        assertEquals(expected.commands(), executed(result));
        assertEquals(0, result.refusals());
        assertEquals(0, result.requests().refusedTotal());
        assertEquals(result.requests().sent(), result.requests().completed());
        Set<Finding.Kind> kinds = result.sanitizer().counts().keySet();
        assertTrue(Set.of(Finding.Kind.SUPERFLUOUS).containsAll(kinds), result.sanitizer()::toString);
    }

    private static Tally allEqual(long count) {
        return new Tally(count, count, 0);
    }

    private static Map<String, Long> executed(ReplayResult result) {
        Map<String, Long> executed = new TreeMap<>();
        result.commands().forEach((kind, tally) -> {
            assertEquals(tally.executed(), tally.decoded(), kind);
            executed.put(kind, tally.executed());
        });
        return executed;
    }
}
