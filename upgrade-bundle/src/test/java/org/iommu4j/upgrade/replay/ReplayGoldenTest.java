package org.iommu4j.upgrade.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.core.IommuCore;
import org.iommu4j.intel.VtdBackend;
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

/** Every captured guest of the repository, on both paths, with every cache: everything as the capture says. */
class ReplayGoldenTest {
    private static IommuCore core;

    /** Counts of the captures' own run.json. */
    private static final Map<String, Expected> EXPECTED = Map.of(
            "legacy-strict-nvme-e1000e",
            new Expected(
                    6098,
                    12572,
                    Map.of(
                            "context_cache.global", 1L,
                            "iec.global", 1L,
                            "iec.index", 46L,
                            "iotlb.global", 1L,
                            "iotlb.page", 1291L,
                            "wait.status", 1340L)),
            "legacy-lazy-virtio",
            new Expected(
                    13598,
                    12613,
                    Map.of(
                            "context_cache.global", 1L,
                            "iec.global", 1L,
                            "iec.index", 38L,
                            "iotlb.domain", 89L,
                            "iotlb.global", 1L,
                            "wait.status", 130L)),
            "ats-cm-virtio-unbind",
            new Expected(
                    9513,
                    12616,
                    Map.of(
                            "context_cache.device", 8L,
                            "context_cache.global", 1L,
                            "dev_iotlb", 1881L,
                            "iec.global", 1L,
                            "iec.index", 54L,
                            "iotlb.domain", 8L,
                            "iotlb.global", 1L,
                            "iotlb.page", 3762L,
                            "wait.status", 5716L)),
            "scalable-strict-nvme-e1000e",
            new Expected(
                    5981,
                    12572,
                    Map.of(
                            "context_cache.global", 1L,
                            "iec.global", 1L,
                            "iec.index", 46L,
                            "iotlb.global", 1L,
                            "iotlb.page", 1266L,
                            "pasid_cache.global", 1L,
                            "wait.status", 1316L)));

    private record Expected(long translations, long walks, Map<String, Long> commands) {}

    @BeforeAll
    static void startCore() {
        core = new IommuCore(new SimulatedPlatformFactory());
        core.arrived(new VtdBackend());
    }

    @AfterAll
    static void stopCore() {
        core.close();
    }

    static Stream<Arguments> cases() {
        List<Arguments> cases = new ArrayList<>();
        for (String capture : CaptureFiles.WITH_TABLES) {
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
                        CaptureFiles.REAL.resolve(capture),
                        ReplayOptions.DEFAULT.withPath(path).withCache(cache));

        assertEquals(List.of(), result.differences());
        assertTrue(result.ok(), result::toText);
        assertEquals(allEqual(expected.translations()), result.translations());
        assertEquals(allEqual(expected.walks()), result.walks());
        assertEquals(allEqual(51), result.registers());
        assertEquals(expected.commands(), executed(result));
        assertEquals(0, result.refusals());
        assertEquals(0, result.requests().refusedTotal());
        assertEquals(result.requests().sent(), result.requests().completed());
        SanitizerReport found = result.sanitizer();
        assertTrue(found.edits() > 0 && found.fills() > 0 && found.commands() > 0, found::toString);
        assertEquals(expected.translations(), found.accesses());
        // A strict guest flushes pages that no device has used, which the replay cannot know to have been mapped.
        Set<Finding.Kind> kinds = capture.contains("lazy") ? Set.of() : Set.of(Finding.Kind.SUPERFLUOUS);
        assertEquals(kinds, found.counts().keySet(), found::toString);
        assertEquals(List.of("irte"), List.copyOf(result.notModelled().keySet()));
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
