package org.iommu4j.upgrade.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.Progress;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.upgrade.CaptureFiles;
import org.iommu4j.upgrade.Formats;
import org.iommu4j.upgrade.ImportOptions;
import org.iommu4j.upgrade.LargePage;
import org.iommu4j.upgrade.UpgradeException;
import org.iommu4j.upgrade.capture.Capture;
import org.iommu4j.upgrade.capture.CaptureScan;
import org.iommu4j.upgrade.replay.Replay;
import org.iommu4j.upgrade.trace.TraceImport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which pages of a captured guest the second client of an upgrade edits. */
class LoadGuestTest {
    @TempDir
    private Path folder;

    private IommuCore core;

    @BeforeEach
    void startCore() {
        core = new IommuCore(new SimulatedPlatformFactory());
        core.arrived(new VtdBackend());
    }

    @AfterEach
    void stopCore() {
        assertEquals(List.of(), core.units(), "a load that is refused closes its unit");
        core.close();
    }

    @Test
    void shouldNotEditAPartOfALargerPageAsIfItWereAPage() {
        Path directory = folder.resolve("capture");
        new TraceImport(core)
                .make(
                        LargePage.trace(folder.resolve("trace.log")),
                        directory,
                        ImportOptions.DEFAULT.withMemory(LargePage.image(folder.resolve("memory.raw")), 0));
        // As a tracer writes it that knows pages of 4 KiB only.
        CaptureFiles.lines(
                directory,
                "frozen/walks.jsonl.gz",
                "{\"dev\":\"0x18\",\"iova\":\"0x205000\",\"pa\":\"0x605000\",\"perm\":3,\"size\":\"0x1000\"}");
        Capture capture = Capture.open(directory, Formats.ALL);
        CaptureScan scan = CaptureScan.of(capture);
        HardwareConfig config =
                Replay.configs(core, capture, scan, CacheConfig.DEFAULT).get(scan.firstUnit());

        UpgradeException refusal = assertThrows(
                UpgradeException.class,
                () -> new LoadGuest(core, capture, scan, config, Set.of(config.subVersion()), 1, new Progress()));

        assertTrue(refusal.getMessage().endsWith("no page of the frozen image can be edited on this model"));
    }
}
