package org.iommu4j.upgrade.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.iommu4j.arm.SmmuBackend;
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

/** Every captured guest of an SMMU, on both paths, with every cache: everything as the capture says. */
class SmmuReplayGoldenTest {
    private static IommuCore core;

    /** Counts of the captures' own run.json. */
    private static final Map<String, Expected> EXPECTED = Map.of(
            "lazy-virtio",
            new Expected(10218, 635, 154, commands(6, 3, 93, 79, 0)),
            "strict-nvme-e1000e",
            new Expected(5579, 540, 1044, commands(4, 2, 983, 2, 971)),
            "strict-virtio-unbind",
            new Expected(9649, 578, 1839, commands(4, 2, 1778, 2, 1766)));

    private record Expected(long translations, long walks, long registers, Map<String, Long> commands) {}

    private static Map<String, Long> commands(long entries, long prefetches, long syncs, long asids, long pages) {
        Map<String, Long> commands = new TreeMap<>(Map.of(
                "CFGI_STE", entries,
                "CFGI_STE_RANGE", 1L,
                "PREFETCH_CONFIG", prefetches,
                "SYNC", syncs,
                "TLBI_NH_ASID", asids,
                "TLBI_NH_VA", pages,
                "TLBI_NSNH_ALL", 1L));
        commands.values().removeIf(count -> count == 0);
        return commands;
    }

    @BeforeAll
    static void startCore() {
        core = new IommuCore(new SimulatedPlatformFactory());
        core.arrived(new SmmuBackend());
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
                        CaptureFiles.TRACES.resolve("smmuv3").resolve(capture),
                        ReplayOptions.DEFAULT.withPath(path).withCache(cache));

        assertEquals(List.of(), result.differences());
        assertTrue(result.ok(), result::toText);
        assertEquals(allEqual(expected.translations()), result.translations());
        assertEquals(allEqual(expected.walks()), result.walks());
        assertEquals(allEqual(expected.registers()), result.registers());
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
