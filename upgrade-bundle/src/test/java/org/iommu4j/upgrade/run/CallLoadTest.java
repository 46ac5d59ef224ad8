package org.iommu4j.upgrade.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.Progress;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.upgrade.CaptureFiles;
import org.iommu4j.upgrade.Formats;
import org.iommu4j.upgrade.UpgradeException;
import org.iommu4j.upgrade.capture.Capture;
import org.iommu4j.upgrade.capture.CaptureScan;
import org.iommu4j.upgrade.plain.PlainBackend;
import org.iommu4j.upgrade.replay.Replay;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The load of an upgrade on models with calls: a frozen guest comes to life by its calls, then its pages are edited. */
class CallLoadTest {
    private static final Path TRACES = CaptureFiles.TRACES;
    private static final int ROUNDS = 400;

    @TempDir
    private Path directory;

    private IommuCore core;
    private final Problems problems = new Problems();

    @BeforeEach
    void startCore() {
        core = new IommuCore(new SimulatedPlatformFactory());
    }

    @AfterEach
    void stopCore() {
        assertEquals(List.of(), core.units(), "a load closes its unit");
        core.close();
    }

    private LoadGuest load(Path directory) {
        Capture capture = Capture.open(directory, Formats.ALL);
        CaptureScan scan = CaptureScan.of(capture);
        HardwareConfig captured =
                Replay.configs(core, capture, scan, CacheConfig.DEFAULT).get(scan.firstUnit());
        return new LoadGuest(core, capture, scan, captured, Set.of(captured.subVersion()), 1, new Progress());
    }

    private static Backend backend(IommuModel model, String version) {
        return model == IommuModel.SPAPR ? PlainBackend.tce(version) : PlainBackend.zpci(version);
    }

    @ParameterizedTest
    @CsvSource({"SPAPR, spapr/noddw-nvme-e1000", "S390, s390/strict-nvme-virtionet", "S390, s390/lazy-virtio"})
    void shouldEditAndInvalidateWhileTheBackendIsSwapped(IommuModel model, String capture) {
        core.arrived(backend(model, "1.0.0"));
        try (LoadGuest load = load(TRACES.resolve(capture))) {
            assertTrue(load.pages().size() > 100, load.pages().size() + " pages");
            AtomicInteger round = new AtomicInteger();
            Invalidator invalidator = new Invalidator(load, 1, () -> goOn(model, round.incrementAndGet()), problems);

            invalidator.prepare();
            invalidator.run();

            assertEquals(List.of(), problems.lines());
            assertEquals(0, invalidator.lost());
            assertEquals(0, invalidator.doubled());
            assertEquals(0, invalidator.reordered());
            assertEquals(0, invalidator.stale());
            assertEquals(0, invalidator.blocked());
            assertTrue(invalidator.requests().completed() > ROUNDS, invalidator.requests()::toString);
            assertTrue(invalidator.deliberate() > 0);
            assertEquals("1.1.0", core.backend(model).describe().version());
        }
    }

    private boolean goOn(IommuModel model, int round) {
        if (round == ROUNDS / 2) {
            core.arrived(backend(model, "1.1.0"));
        }
        return round < ROUNDS;
    }

    @ParameterizedTest
    @CsvSource({"SPAPR, spapr/noddw-nvme-e1000", "S390, s390/strict-nvme-virtionet"})
    void shouldFindADriverThatAcknowledgesWhatItDoesNotDo(IommuModel model, String capture) {
        UnaryOperator<Translator> change = driver -> new ChangedTranslator(driver, 0);
        core.arrived(backend(model, "1.0.0"));
        try (LoadGuest load = load(TRACES.resolve(capture))) {
            AtomicInteger round = new AtomicInteger();
            Invalidator invalidator = new Invalidator(load, 1, () -> round.incrementAndGet() < ROUNDS, problems);
            invalidator.prepare();
            core.arrived(new ChangedBackend(backend(model, "1.1.0"), change));
            invalidator.run();

            assertTrue(invalidator.lost() > 0);
            assertTrue(invalidator.stale() > 0);
        }
    }

    @Test
    void shouldRefuseAFrozenGuestThatCannotBeBroughtUp() {
        core.arrived(backend(IommuModel.S390, "1.0.0"));
        CaptureFiles.copy(TRACES.resolve("s390/lazy-virtio"), directory);
        CaptureFiles.text(
                directory,
                "frozen/regs.json",
                "{\"functions\": [{\"handle\": \"0x81020000\", \"iota\": \"0x1b68804\", \"pba\": \"0x100000000\","
                        + " \"pal\": \"0x10bffffff\"}], \"freeze_t\": 4351}");

        UpgradeException refusal = assertThrows(UpgradeException.class, () -> load(directory));

        assertTrue(refusal.getMessage().contains("CLP new_handle"), refusal.getMessage());
    }
}
