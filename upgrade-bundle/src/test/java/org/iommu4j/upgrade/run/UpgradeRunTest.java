package org.iommu4j.upgrade.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.upgrade.CaptureException;
import org.iommu4j.upgrade.CaptureFiles;
import org.iommu4j.upgrade.HangingVtd;
import org.iommu4j.upgrade.Times;
import org.iommu4j.upgrade.UpgradeException;
import org.iommu4j.upgrade.UpgradeOptions;
import org.iommu4j.upgrade.UpgradeProgress;
import org.iommu4j.upgrade.UpgradeResult;
import org.iommu4j.upgrade.bundles.VendorJar;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Swaps under load, without a framework: the bundles are plain objects. */
class UpgradeRunTest {
    private static final String NAME = "org.iommu4j.intel.vtd";

    @TempDir
    private Path directory;

    private IommuCore core;

    @BeforeEach
    void startCore() {
        core = new IommuCore(new SimulatedPlatformFactory());
    }

    @AfterEach
    void stopCore() {
        assertEquals(List.of(), core.units(), "a run closes its units");
        core.close();
    }

    @Test
    void shouldSwapUnderLoadWithoutLosingAnything() {
        List<UpgradeProgress> progress = new ArrayList<>();
        UpgradeOptions options = options("1.0.0", "1.0.1").withSwaps(10).withDurationNanos(3_000_000_000L);

        UpgradeResult result = new UpgradeRun(core, new PlainBundles(core, NAME, "1.0.1", UpgradeRunTest::vtd))
                .run(options, progress::add);

        assertTrue(result.ok(), result::toText);
        assertEquals(10, result.swaps().done());
        assertEquals(5, result.swaps().inPlace());
        assertTrue(result.replays() >= 1);
        assertTrue(result.translations().compared() >= 6098);
        assertEquals(result.requests().sent(), result.exactlyOnce());
        assertEquals(result.deliberate(), result.requests().refusedTotal());
        assertTrue(result.requests().completed() > 1000);
        Times pauses = result.swaps().pauses();
        assertTrue(pauses.max() >= pauses.p50() && pauses.p50() > 0, pauses::toString);
        assertEquals(result.swaps().sideBySide(), result.swaps().pausesBeside().n());
        assertEquals(result.swaps().inPlace(), result.swaps().pausesInPlace().n());
        assertEquals(result.swaps().done(), pauses.n());
        Times requests = result.swaps().requests();
        assertTrue(
                requests.n() > 0 && requests.p50() <= requests.p99() && requests.p99() <= requests.max(),
                requests::toString);
        assertEquals("1.0.1", active());
        assertFalse(progress.isEmpty());
        assertTrue(result.toJson().contains("\"ok\":true"), result.toJson());
        assertEquals(1, result.toJson().lines().count());
    }

    @Test
    void shouldSwapBetweenTwoBundlesOfOneVersion() {
        UpgradeOptions options = options("1.0.0", "1.0.0").withSwaps(5).withDurationNanos(500_000_000L);

        UpgradeResult result = new UpgradeRun(core, new PlainBundles(core, NAME, "1.0.0", UpgradeRunTest::vtd))
                .run(options, line -> {});

        assertTrue(result.ok(), result::toText);
        // One more than asked, so that the built one serves at the end.
        assertEquals(6, result.swaps().done());
    }

    @Test
    void shouldFindAReleaseThatAcknowledgesWhatItDoesNotDo() {
        UpgradeResult result = runWith(0);

        assertTrue(result.lost() > 0, result::toText);
        assertTrue(result.stale() > 0, result::toText);
        assertFalse(result.ok());
    }

    @Test
    void shouldFindAReleaseThatDoesThingsTwice() {
        UpgradeResult result = runWith(2);

        assertTrue(result.doubled() > 0, result::toText);
        assertEquals(0, result.stale(), result::toText);
        assertFalse(result.ok());
    }

    private UpgradeResult runWith(int times) {
        UpgradeOptions options = options("1.0.0", "1.0.1")
                .withSwaps(3)
                .withDurationNanos(600_000_000L)
                .withCache(CacheConfig.WORST_CASE);
        Function<String, Backend> make = version -> version.equals("1.0.0")
                ? new ChangedBackend(vtd(version), driver -> new ChangedTranslator(driver, times))
                : vtd(version);
        return new UpgradeRun(core, new PlainBundles(core, NAME, "1.0.1", make)).run(options, line -> {});
    }

    @Test
    void shouldEndWithItsTableWhenSomebodyElseUninstallsABundleThatItUses() {
        UpgradeOptions options = options("1.0.0", "1.0.1").withSwaps(4).withDurationNanos(800_000_000L);
        PlainBundles bundles = new PlainBundles(core, NAME, "1.0.1", UpgradeRunTest::vtd) {
            private int uninstalled;

            @Override
            public void update(long bundle, VendorJar jar) {
                if (uninstalled++ == 0) {
                    uninstall(bundle);
                }
                super.update(bundle, jar);
            }
        };

        UpgradeResult result = new UpgradeRun(core, bundles).run(options, line -> {});

        assertFalse(result.ok());
        assertEquals(1, result.swaps().failed(), result::toText);
        assertTrue(result.swaps().done() >= 3, result::toText);
        assertTrue(result.problems().stream().anyMatch(line -> line.contains("is gone")), result::toText);
        assertTrue(
                result.problems().stream().anyMatch(line -> line.contains("was uninstalled by somebody else")),
                result::toText);
        assertEquals(0, result.lost() + result.doubled() + result.stale(), result::toText);
        assertEquals("1.0.1", active());
    }

    /** The limit is longer than closing a unit with a call inside takes, two seconds. */
    @Test
    void shouldMakeNoFurtherSwapAndEndWithItsTableWhenTheChipDoesNotComeBack() {
        UpgradeOptions options = options("1.0.0", "1.0.1").withSwaps(2).withDurationNanos(60_000_000_000L);
        HangingVtd vendor = new HangingVtd("1.0.1");
        try (IommuCore stuck = new IommuCore(new SimulatedPlatformFactory())) {
            UpgradeResult result;
            try {
                result = new UpgradeRun(
                                stuck, new PlainBundles(stuck, NAME, "1.0.1", version -> vendor), 4_000_000_000L)
                        .run(options, line -> vendor.hang(line.translations() > 0));
            } finally {
                vendor.hang(false);
            }

            assertFalse(result.ok());
            assertTrue(result.seconds() < 30, result::toText);
            assertEquals(0, result.swaps().done() + result.swaps().failed(), result::toText);
            assertTrue(
                    result.problems().stream()
                            .anyMatch(line -> line.contains("did not come back in 4000 ms; it is at ")),
                    result::toText);
        }
    }

    @Test
    void shouldReportASwapThatIsRolledBack() {
        UpgradeOptions options = options("1.0.0", "1.0.1").withSwaps(1).withDurationNanos(300_000_000L);
        Function<String, Backend> make = version -> version.equals("1.0.0")
                ? new ChangedBackend(vtd(version), driver -> {
                    throw new IllegalStateException("a broken release");
                })
                : vtd(version);

        UpgradeResult result =
                new UpgradeRun(core, new PlainBundles(core, NAME, "1.0.1", make)).run(options, line -> {});

        assertEquals(1, result.swaps().failed());
        assertFalse(result.ok());
        assertTrue(result.problems().get(0).contains("ROLLED_BACK"), result::toText);
        assertEquals(0, result.lost() + result.doubled() + result.stale());
        assertEquals("1.0.1", active());
    }

    @Test
    void shouldReturnToTheServingVersionWhenAnUpdateInPlaceFails() {
        UpgradeOptions options = options("1.0.0", "1.0.1").withSwaps(3).withDurationNanos(300_000_000L);
        int[] made = {0};
        // The first built one serves from the begin; the second, that of the first swap in place, is broken.
        Function<String, Backend> make = version -> version.equals("1.0.1") && ++made[0] == 2
                ? new ChangedBackend(vtd(version), driver -> {
                    throw new IllegalStateException("a broken release");
                })
                : vtd(version);
        PlainBundles bundles = new PlainBundles(core, NAME, "1.0.1", make);

        UpgradeResult result = new UpgradeRun(core, bundles).run(options, line -> {});

        assertEquals(1, result.swaps().failed(), result::toText);
        assertTrue(result.problems().get(0).contains("in place failed: FAILED"), result::toText);
        assertEquals(0, result.lost() + result.doubled() + result.stale() + result.blocked(), result::toText);
        assertEquals("1.0.1", active());
    }

    @Test
    void shouldSayThatNothingIsReleased() {
        UpgradeOptions options =
                new UpgradeOptions(IommuModel.INTEL, capture(), List.of(), jar("1.0.1"), 10, 0, 1, CacheConfig.DEFAULT);
        UpgradeRun run = new UpgradeRun(core, new PlainBundles(core, NAME, "1.0.1", UpgradeRunTest::vtd));

        UpgradeException refusal = assertThrows(UpgradeException.class, () -> run.run(options, line -> {}));

        assertTrue(refusal.getMessage().contains("no released bundle"), refusal.getMessage());
    }

    @Test
    void shouldRefuseACaptureOfAnotherModel() {
        UpgradeOptions options = new UpgradeOptions(
                IommuModel.AMD, capture(), List.of(jar("1.0.0")), jar("1.0.1"), 10, 0, 1, CacheConfig.DEFAULT);
        UpgradeRun run = new UpgradeRun(core, new PlainBundles(core, NAME, "1.0.1", UpgradeRunTest::vtd));

        UpgradeException refusal = assertThrows(UpgradeException.class, () -> run.run(options, line -> {}));

        assertTrue(refusal.getMessage().contains("model intel, not of amd"), refusal.getMessage());
    }

    @Test
    void shouldRefuseADamagedCapture() {
        Path capture = CaptureFiles.copy("legacy-strict-nvme-e1000e", directory.resolve("capture"));
        CaptureFiles.text(capture, "run.json", "{");
        UpgradeOptions options = UpgradeOptions.of(IommuModel.INTEL, capture, List.of(jar("1.0.0")), jar("1.0.1"));
        UpgradeRun run = new UpgradeRun(core, new PlainBundles(core, NAME, "1.0.1", UpgradeRunTest::vtd));

        assertThrows(CaptureException.class, () -> run.run(options, line -> {}));
    }

    private UpgradeOptions options(String released, String built) {
        return UpgradeOptions.of(
                IommuModel.INTEL,
                capture(),
                List.of(Jars.bundle(directory, "released.jar", NAME, released)),
                jar(built));
    }

    private Path jar(String version) {
        return Jars.bundle(directory, "built-" + version + ".jar", NAME, version);
    }

    private static Path capture() {
        return CaptureFiles.REAL.resolve("legacy-strict-nvme-e1000e");
    }

    private static Backend vtd(String version) {
        return new VtdBackend(version);
    }

    private String active() {
        for (BackendStatus status : core.backends()) {
            if (status.state() == BackendStatus.State.ACTIVE) {
                return status.version();
            }
        }
        return "none";
    }
}
