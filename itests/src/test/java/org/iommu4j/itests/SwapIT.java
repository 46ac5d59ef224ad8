package org.iommu4j.itests;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertTrue;
import static org.ops4j.pax.exam.CoreOptions.options;

import java.io.InputStream;
import java.lang.ref.WeakReference;
import java.lang.reflect.Array;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import javax.inject.Inject;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.itests.broken.HangingBackend;
import org.iommu4j.itests.broken.NeverMadeBackend;
import org.iommu4j.itests.broken.RefusingBackend;
import org.iommu4j.itests.broken.ThrowingBackend;
import org.junit.After;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.ops4j.pax.exam.Configuration;
import org.ops4j.pax.exam.Option;
import org.ops4j.pax.exam.junit.PaxExam;
import org.ops4j.pax.exam.spi.reactors.ExamReactorStrategy;
import org.ops4j.pax.exam.spi.reactors.PerMethod;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.FrameworkEvent;
import org.osgi.framework.wiring.BundleWiring;
import org.osgi.framework.wiring.FrameworkWiring;

/** Versions of a vendor's bundle that come, go and break while two clients work. The vendor is missing at first. */
@RunWith(PaxExam.class)
@ExamReactorStrategy(PerMethod.class)
public class SwapIT {
    private static final String OLD = "1.0.0";
    private static final String NEW = "9.0.0";
    private static final int TURNS = 500;

    /** Longer than a backend may take to be made. */
    private static final long MAKING_NANOS = 15_000_000_000L;

    @Inject
    private BundleContext context;

    @Inject
    private IommuService service;

    private Unit unit;

    /** The core without a vendor. */
    @Configuration
    public Option[] coreOnly() {
        return options(
                Bundles.runtime(), Bundles.install("api-bundle", "simulation-bundle", "driver-bundle", "core-bundle"));
    }

    @After
    public void closeUnit() {
        if (unit != null) {
            unit.close();
        }
    }

    @Test
    public void shouldAnswerEnodevUntilTheVendorArrives() throws Exception {
        try {
            unit = service.openUnit(UnitConfig.of(IommuModel.INTEL, HardwareConfig.of(Load.GENERATION)));
            throw new AssertionError("a unit without a backend");
        } catch (BackendException e) {
            assertEquals(Errno.ENODEV, e.errno());
        }
        install(OLD);
        try (Load load = start()) {
            load.await(TURNS);
        }
    }

    @Test
    public void shouldLoseNothingWhenSwappedSideBySideBothWays() throws Exception {
        Bundle first = install(OLD);
        try (Load load = start()) {
            load.await(TURNS);
            Bundle second = install(NEW);
            awaitActive(NEW);
            load.await(TURNS);
            SwapReport back = service.swap(IommuModel.INTEL, OLD, SwapLimits.DEFAULT);
            assertEquals(back.toString(), SwapReport.Outcome.DONE, back.outcome());
            load.await(TURNS);
            second.uninstall();
            load.await(TURNS);
            assertEquals(OLD, active());
            assertEquals(Bundle.ACTIVE, first.getState());
        }
    }

    @Test
    public void shouldLoseNothingWhenUpdatedInPlace() throws Exception {
        Bundle vendor = install(OLD);
        try (Load load = start()) {
            for (String version : List.of(NEW, OLD, NEW)) {
                load.await(TURNS);
                try (InputStream in = Files.newInputStream(jar(version))) {
                    vendor.update(in);
                }
                awaitActive(version);
            }
            load.await(TURNS);
        }
    }

    @Test
    public void shouldKeepStateWhenTheVendorIsStoppedAndStarted() throws Exception {
        Bundle vendor = install(OLD);
        try (Load load = start()) {
            load.await(TURNS);
            vendor.stop();
            long before = load.turns();
            TimeUnit.MILLISECONDS.sleep(200);
            assertTrue("requests went on without a backend", load.turns() <= before + 2);
            vendor.start();
            load.await(TURNS);
        }
    }

    /** Each alone, then side by side with the one that was built here, which takes over and hands back, as does an update. */
    @Test
    public void shouldServeWithEveryReleasedVersionAndSwapItBothWays() throws Exception {
        Map<String, UnitConfig> artifacts = Map.of(
                "intel-vtd-bundle", UnitConfig.of(IommuModel.INTEL, HardwareConfig.of(Load.GENERATION)),
                "spapr-bundle", UnitConfig.of(IommuModel.SPAPR, HardwareConfig.of(2)),
                "s390-bundle", UnitConfig.of(IommuModel.S390, HardwareConfig.of(2)),
                "arm-smmu-bundle", UnitConfig.of(IommuModel.ARM_SMMU, HardwareConfig.of(0x300)),
                "amd-bundle", UnitConfig.of(IommuModel.AMD, HardwareConfig.of(0x100)));
        for (String artifact : artifacts.keySet()) {
            List<String> releases = Bundles.releases(artifact);
            assertFalse("no release of " + artifact, releases.isEmpty());
            for (String version : releases) {
                Bundle released = context.installBundle(
                        Bundles.released(artifact, version).toUri().toString());
                released.start();
                await(artifact + " " + version + " passes its trial: " + service.backends(), () -> active() != null);
                assertEquals(version, active());
                assertTrue(
                        service.backends().toString(),
                        service.backends().stream()
                                .allMatch(status -> status.reason().isEmpty()));
                swapBothWays(artifact, version, artifacts.get(artifact));
                released.uninstall();
            }
        }
    }

    private void swapBothWays(String artifact, String version, UnitConfig config) throws Exception {
        try (Unit chip = service.openUnit(config)) {
            Bundle built = context.installBundle(Bundles.jar(artifact).toUri().toString());
            built.start();
            await("the built " + artifact + " serves", () -> !version.equals(active()));
            SwapReport back = service.swap(config.model(), version, SwapLimits.DEFAULT);
            assertEquals(artifact + " " + back, SwapReport.Outcome.DONE, back.outcome());
            assertEquals("the state goes with it", "", back.reason());
            String now = service.backends().stream()
                    .filter(status -> status.state() == BackendStatus.State.STANDBY)
                    .map(BackendStatus::version)
                    .findFirst()
                    .orElseThrow();
            SwapReport forth = service.swap(config.model(), now, SwapLimits.DEFAULT);
            assertEquals(artifact + " " + forth, SwapReport.Outcome.DONE, forth.outcome());
            built.uninstall();
            assertEquals(version, active());
            assertEquals(List.of(chip), service.units());
        }
    }

    @Test
    public void shouldServeWithTheNewerOfTwoVersions() throws Exception {
        install(NEW);
        install(OLD);
        await("both are known", () -> service.backends().size() == 2);
        try (Load load = start()) {
            load.await(TURNS);
            assertEquals(NEW, active());
        }
    }

    @Test
    public void shouldKeepTheOldOneWhenTheNewThrowsAtActivation() throws Exception {
        keepsServingBeside(ThrowingBackend.class, false);
    }

    @Test
    public void shouldKeepTheOldOneWhenTheNewRefusesTheState() throws Exception {
        keepsServingBeside(RefusingBackend.class, true);
    }

    @Test
    public void shouldKeepTheOldOneWhenTheNewHangs() throws Exception {
        keepsServingBeside(HangingBackend.class, true);
    }

    @Test
    public void shouldTellWhyAVendorsBundleBringsNoBackend() throws Exception {
        Bundle throwing = context.installBundle(
                Jars.ofBackend(ThrowingBackend.class, "8.0.0").toUri().toString());
        throwing.start();
        await("the constructor's exception is told", () -> absence().contains("this version cannot be activated"));
        throwing.stop();
        assertTrue(absence(), absence().contains("not started"));
        throwing.uninstall();
        Bundle unresolved = context.installBundle(
                Jars.importing("org.nobody.has.this").toUri().toString());
        assertTrue(absence(), absence().contains("org.nobody.has.this"));
        assertTrue(absence(), absence().contains(unresolved.getSymbolicName()));
        assertTrue(service.backends().stream()
                .anyMatch(status -> status.id() == 0
                        && status.model() == IommuModel.INTEL
                        && status.state() == BackendStatus.State.FAILED));
        try {
            service.openUnit(UnitConfig.of(IommuModel.INTEL, HardwareConfig.of(Load.GENERATION)));
            throw new AssertionError("a unit without a backend");
        } catch (BackendException e) {
            assertTrue(e.getMessage(), e.getMessage().contains("org.nobody.has.this"));
        }
        unresolved.uninstall();
        assertEquals("", absence());
    }

    @Test
    public void shouldCarryItsVersionAndGenerationsAsServiceProperties() throws Exception {
        Bundle vendor =
                context.installBundle(Bundles.jar("intel-vtd-bundle").toUri().toString());
        vendor.start();
        await("a backend serves", () -> active() != null);
        var reference = vendor.getRegisteredServices()[0];
        assertEquals("intel", reference.getProperty("model"));
        assertEquals(active(), reference.getProperty("version"));
        assertEquals(5, Array.getLength(reference.getProperty("generations")));
    }

    @Test
    public void shouldTellWhyAJarInAWatchedFolderIsNoBundle() throws Exception {
        Path folder = Files.createTempDirectory("watched");
        Path half = folder.resolve("half.jar");
        byte[] whole = Files.readAllBytes(Bundles.jar("intel-vtd-bundle"));
        Files.write(half, Arrays.copyOf(whole, whole.length / 2));
        Path text = Files.writeString(folder.resolve("text.jar"), "this is no jar");
        System.setProperty("felix.fileinstall.dir", folder.toString());
        try {
            for (Path jar : List.of(half, text)) {
                String told = jar.getFileName() + ": it cannot be opened as a jar";
                assertTrue(absence(), absence().contains(told));
                try {
                    service.openUnit(UnitConfig.of(IommuModel.INTEL, HardwareConfig.of(Load.GENERATION)));
                    throw new AssertionError("a unit without a backend");
                } catch (BackendException e) {
                    assertTrue(e.getMessage(), e.getMessage().contains(told));
                }
            }
            assertEquals(2, service.backends().size());
            install(OLD);
            await("a backend serves", () -> active() != null);
            assertEquals("", absence());
            assertEquals(
                    "both are still listed: " + service.backends(),
                    3,
                    service.backends().size());
        } finally {
            System.clearProperty("felix.fileinstall.dir");
            for (Path path : List.of(half, text, folder)) {
                Files.delete(path);
            }
        }
    }

    /** An immediate component is made as soon as its bundle starts, by the thread that starts the bundle. */
    @Test
    public void shouldServeBesideAVendorWhoseConstructorHangsAtItsStart() throws Exception {
        Bundle hanging = context.installBundle(
                Jars.ofBackend(NeverMadeBackend.class, "8.0.0").toUri().toString());
        try {
            hanging.start();
            // The service is there before the component is made: the core gets it in a thread of its own, beside the
            // start.
            for (long end = System.nanoTime() + MAKING_NANOS;
                    !absence().contains("did not end within 5000 ms; it is at ") && System.nanoTime() - end < 0; ) {
                Thread.sleep(20);
            }
            assertTrue(absence(), absence().contains("did not end within 5000 ms; it is at "));
            install(OLD);
            try (Load load = start()) {
                load.await(TURNS);
            }
            assertEquals(OLD, active());
        } finally {
            System.setProperty(NeverMadeBackend.LET_GO, "");
        }
        hanging.uninstall();
        System.clearProperty(NeverMadeBackend.LET_GO);
        // It may have been made and have left meanwhile.
        assertEquals(
                List.of(OLD),
                service.backends().stream()
                        .filter(backend -> backend.state() != BackendStatus.State.RETIRED)
                        .map(BackendStatus::version)
                        .toList());
    }

    private String absence() {
        return service.absence(IommuModel.INTEL);
    }

    @Test
    public void shouldRefuseABundleThatIsNoBundle() throws Exception {
        install(OLD);
        Path junk = Files.createTempFile("junk", ".jar");
        Files.writeString(junk, "this is no jar");
        try (Load load = start()) {
            load.await(TURNS);
            try {
                context.installBundle(junk.toUri().toString()).start();
                throw new AssertionError("junk was started");
            } catch (org.osgi.framework.BundleException e) {
                assertNotNull(e.getMessage());
            }
            load.await(TURNS);
            assertEquals(OLD, active());
        } finally {
            Files.delete(junk);
        }
    }

    @Test
    public void shouldLetTheOldClassLoaderGoAfterTheSwap() throws Exception {
        Bundle first = install(OLD);
        WeakReference<ClassLoader> old =
                new WeakReference<>(first.adapt(BundleWiring.class).getClassLoader());
        try (Load load = start()) {
            load.await(TURNS);
            install(NEW);
            awaitActive(NEW);
            first.uninstall();
            CountDownLatch refreshed = new CountDownLatch(1);
            context.getBundle(0)
                    .adapt(FrameworkWiring.class)
                    .refreshBundles(List.of(first), (FrameworkEvent event) -> refreshed.countDown());
            assertTrue("refresh", refreshed.await(20, TimeUnit.SECONDS));
            load.await(TURNS);
            await("the class loader of the old version is collected", () -> {
                System.gc();
                return old.get() == null;
            });
        }
    }

    private void keepsServingBeside(Class<?> broken, boolean reportsFailure) throws Exception {
        install(OLD);
        try (Load load = start()) {
            load.await(TURNS);
            Bundle bundle = context.installBundle(
                    Jars.ofBackend(broken, "8.0.0").toUri().toString());
            bundle.start();
            if (reportsFailure) {
                await(
                        "the new version is marked as failed",
                        () -> service.backends().stream()
                                .anyMatch(status -> status.version().equals("8.0.0")
                                        && status.state() == BackendStatus.State.FAILED
                                        && !status.reason().isEmpty()));
            }
            load.await(TURNS);
            assertEquals(OLD, active());
            bundle.uninstall();
            load.await(TURNS);
        }
    }

    private Load start() {
        await("a backend serves", () -> active() != null);
        unit = service.openUnit(UnitConfig.of(IommuModel.INTEL, HardwareConfig.of(Load.GENERATION)));
        return Load.on(unit, 2);
    }

    private Bundle install(String version) throws Exception {
        Bundle bundle = context.installBundle(jar(version).toUri().toString());
        bundle.start();
        return bundle;
    }

    private static Path jar(String version) {
        return Jars.withVersion(Bundles.jar("intel-vtd-bundle"), version);
    }

    private String active() {
        return service.backends().stream()
                .filter(status -> status.state() == BackendStatus.State.ACTIVE)
                .map(BackendStatus::version)
                .findFirst()
                .orElse(null);
    }

    private void awaitActive(String version) {
        await(version + " serves, but " + service.backends(), () -> version.equals(active()));
    }

    private static void await(String what, BooleanSupplier condition) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!condition.getAsBoolean()) {
            assertTrue(what, System.nanoTime() < deadline);
            try {
                TimeUnit.MILLISECONDS.sleep(5);
            } catch (InterruptedException e) {
                throw new AssertionError(what, e);
            }
        }
    }
}
