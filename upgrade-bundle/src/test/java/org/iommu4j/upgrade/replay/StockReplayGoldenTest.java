package org.iommu4j.upgrade.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.backend.CacheConfig;
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
import org.junit.jupiter.params.provider.EnumSource;

/** Captures without table reads: leaf entries come from the translations, the levels above from the memory at the stop. */
class StockReplayGoldenTest {
    private static IommuCore core;

    @BeforeAll
    static void startCore() {
        core = new IommuCore(new SimulatedPlatformFactory());
        core.arrived(new SmmuBackend());
        core.arrived(new VtdBackend());
    }

    @AfterAll
    static void stopCore() {
        core.close();
    }

    @ParameterizedTest
    @EnumSource(CacheConfig.class)
    void shouldAnswerAsTheMachineWithFirstStageTablesDid(CacheConfig cache) {
        for (ReplayOptions.Path path : ReplayOptions.Path.values()) {
            check("vtd/firststage-strict-nvme-virtionet", path, cache, 11382, 12700);
        }
    }

    @ParameterizedTest
    @EnumSource(CacheConfig.class)
    void shouldAnswerAsTheMachineWithStage2Did(CacheConfig cache) {
        for (ReplayOptions.Path path : ReplayOptions.Path.values()) {
            check("smmuv3/stage2-strict-nvme-virtionet", path, cache, 8742, 668);
        }
    }

    private static void check(
            String capture, ReplayOptions.Path path, CacheConfig cache, long translations, long walks) {
        ReplayResult result = new Replay(core)
                .replay(
                        CaptureFiles.TRACES.resolve(capture),
                        ReplayOptions.DEFAULT.withPath(path).withCache(cache));

        assertEquals(List.of(), result.differences());
        assertTrue(result.ok(), result::toText);
        assertEquals(Map.of(), result.notJudged());
        assertEquals(new Tally(translations, translations, 0), result.translations());
        assertEquals(new Tally(walks, walks, 0), result.walks());
    }
}
