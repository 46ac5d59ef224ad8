package org.iommu4j.upgrade.record;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.core.IommuCore;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.upgrade.CaptureFiles;
import org.iommu4j.upgrade.RecordOptions;
import org.iommu4j.upgrade.RecordResult;
import org.iommu4j.upgrade.RecordResult.Kind;
import org.iommu4j.upgrade.Recording;
import org.iommu4j.upgrade.ReplayOptions;
import org.iommu4j.upgrade.replay.Replay;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A captured guest is recorded, and the record is played, each through a core of its own. */
class RecordReplayTest {
    @TempDir
    private Path directory;

    private static Path capture(String name) {
        return CaptureFiles.REAL.resolve(name);
    }

    private Path record(Backend backend, String capture) throws IOException {
        Path file = directory.resolve("record.jsonl");
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(backend);
            try (Recording recording = new Records(core, null).record(file)) {
                assertTrue(new Replay(core)
                        .replay(capture(capture), ReplayOptions.DEFAULT.withoutFrozen().withCache(CacheConfig.DEFAULT))
                        .ok());
                assertEquals(1, recording.units());
                assertTrue(recording.requests() > 0);
            }
            assertEquals(List.of(), core.units());
        }
        return file;
    }

    private static RecordResult play(Backend backend, Path file) {
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(backend);
            RecordResult result = new Records(core, null).play(file, RecordOptions.DEFAULT);
            assertEquals(List.of(), core.units());
            return result;
        }
    }

    @Test
    void shouldReplayARecordOfTheReleasedBundleOnTheBuiltOneWithoutADifference() throws IOException {
        Path file = record(ReleasedVtd.backend(), "legacy-strict-nvme-e1000e");

        RecordResult result = play(new VtdBackend("1.1.0"), file);

        System.out.println(result.toText() + java.nio.file.Files.size(file));
        java.nio.file.Files.copy(file, Path.of("/tmp/rec.jsonl"), java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        assertTrue(result.ok(), result::toText);
        assertTrue(result.of(Kind.NATIVE).compared() > 100, result::toText);
    }
}
