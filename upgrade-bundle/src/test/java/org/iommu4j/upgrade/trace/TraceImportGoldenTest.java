package org.iommu4j.upgrade.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.iommu4j.amd.AmdViBackend;
import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.core.IommuCore;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.upgrade.ImportOptions;
import org.iommu4j.upgrade.ImportResult;
import org.iommu4j.upgrade.ReplayOptions;
import org.iommu4j.upgrade.ReplayResult;
import org.iommu4j.upgrade.replay.Replay;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Captured runs as an unchanged emulator would have traced them: what is imported is replayed as the capture is. */
class TraceImportGoldenTest {
    private static IommuCore core;

    @TempDir
    private Path folder;

    @BeforeAll
    static void startCore() {
        core = new IommuCore(new SimulatedPlatformFactory());
        core.arrived(new VtdBackend());
        core.arrived(new SmmuBackend());
        core.arrived(new AmdViBackend());
    }

    @AfterAll
    static void stopCore() {
        core.close();
    }

    /** All translations but those of which the memory at the stop has no table. */
    @ParameterizedTest
    @CsvSource({
        "vtd/legacy-strict-nvme-e1000e, true, 0, 6098",
        "vtd/legacy-lazy-virtio, false, 0, 13598",
        "vtd/scalable-strict-nvme-e1000e, false, 0, 5981",
        "vtd/firststage-strict-nvme-virtionet, false, 0, 11382",
        "smmuv3/strict-nvme-e1000e, true, 0x40000000, 5579",
        "smmuv3/lazy-virtio, false, 0x40000000, 10218",
        "amdvi/strict-nvme-e1000e, true, 0, 4359",
        "amdvi/lazy-virtio, false, 0, 9356"
    })
    void shouldReplayAsTheCapture(String capture, boolean old, String base, long translations) {
        StockTrace trace = StockTrace.of(capture, old);
        if (old) {
            trace.stamp(1);
        }
        ImportOptions options = ImportOptions.DEFAULT
                .withMemory(trace.writeMemory(folder.resolve("memory"), Long.decode(base)), Long.decode(base))
                .stoppedAfter(trace.linesBeforeStop())
                .withRegisters(registers(capture));

        ImportResult made = new TraceImport(core)
                .make(
                        trace.write(folder.resolve("trace.log"), old ? "\r\n" : "\n"),
                        folder.resolve("capture"),
                        options);

        for (ReplayOptions.Path path : ReplayOptions.Path.values()) {
            ReplayResult result =
                    new Replay(core).replay(folder.resolve("capture"), ReplayOptions.DEFAULT.withPath(path));
            assertEquals(List.of(), result.differences(), result::toText);
            assertTrue(result.ok(), result::toText);
            assertEquals(translations, result.translations().equal(), result::toText);
            assertEquals(made.mappings(), result.walks().equal());
        }
    }

    private static Map<String, Long> registers(String capture) {
        if (capture.contains("scalable")) {
            return Map.of("CAP", 0xd2008c222f0606L, "ECAP", 0x480000f00f4aL);
        }
        return capture.contains("firststage") ? Map.of("CAP", 0x1d2008c222f0606L, "ECAP", 0x880000f00f4aL) : Map.of();
    }
}
