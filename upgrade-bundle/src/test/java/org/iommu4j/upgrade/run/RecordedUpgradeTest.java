package org.iommu4j.upgrade.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.IommuCore;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.upgrade.CaptureFiles;
import org.iommu4j.upgrade.RecordOptions;
import org.iommu4j.upgrade.RecordResult;
import org.iommu4j.upgrade.RecordResult.Kind;
import org.iommu4j.upgrade.Recording;
import org.iommu4j.upgrade.UpgradeOptions;
import org.iommu4j.upgrade.UpgradeResult;
import org.iommu4j.upgrade.record.Records;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Three threads and swaps are recorded; the record is played on one backend. */
class RecordedUpgradeTest {
    private static final String NAME = "org.iommu4j.intel.vtd";

    @TempDir
    private Path directory;

    @Test
    void shouldReplayARecordWithSwapsOnOneBackend() {
        Path file = directory.resolve("upgrade.jsonl.gz");
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            PlainBundles bundles = new PlainBundles(core, NAME, "1.0.1", VtdBackend::new);
            UpgradeOptions options = UpgradeOptions.of(
                            IommuModel.INTEL,
                            CaptureFiles.REAL.resolve("legacy-strict-nvme-e1000e"),
                            List.of(Jars.bundle(directory, "released.jar", NAME, "1.0.0")),
                            Jars.bundle(directory, "built.jar", NAME, "1.0.1"))
                    .withSwaps(8)
                    .withDurationNanos(1_500_000_000L);
            UpgradeResult upgraded;
            try (Recording recording = new Records(core, bundles).record(file)) {
                upgraded = new UpgradeRun(core, bundles).run(options, step -> {});
                assertEquals(upgraded.requests().sent(), recording.requests());
            }
            assertTrue(upgraded.ok(), upgraded::toText);
        }

        RecordResult result;
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(new VtdBackend("1.0.1"));
            result = new Records(core, null).play(file, RecordOptions.DEFAULT);
        }
        assertTrue(result.ok(), result::toText);
        assertTrue(result.lines().get("swap") > 8, result::toText);
        assertTrue(result.of(Kind.NATIVE).compared() > 1000, result::toText);
        assertTrue(result.drops().both() > 1000, result::toText);
    }
}
