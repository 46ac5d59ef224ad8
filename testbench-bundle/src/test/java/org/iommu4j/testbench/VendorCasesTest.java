package org.iommu4j.testbench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.iommu4j.amd.AmdViBackend;
import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.backend.Backend;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.spapr.SpaprBackend;
import org.iommu4j.testbench.CaseResult.Outcome;
import org.iommu4j.testbench.conform.BackendBundles;
import org.iommu4j.testbench.run.TestBench;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every case file of every vendor's bundle: {@code src/test/resources/cases/*.jsonl}. */
class VendorCasesTest {
    /** The backend that each vendor's jar brings, by its name. */
    private static final Map<String, Supplier<Backend>> VENDORS = Map.of(
            "intel.jar", VtdBackend::new,
            "arm.jar", SmmuBackend::new,
            "amd.jar", AmdViBackend::new,
            "spapr.jar", SpaprBackend::new,
            "s390.jar", ZpciBackend::new);

    /** The core of all files: a backend is tried once in it. */
    private static IommuCore core;

    private static BackendBundles bundles;

    @TempDir
    private static Path jars;

    @BeforeAll
    static void startCore() {
        core = new IommuCore(new SimulatedPlatformFactory());
        bundles = installed(core);
    }

    @AfterAll
    static void stopCore() {
        core.close();
    }

    static List<Path> files() throws IOException {
        List<Path> files = new ArrayList<>();
        try (Stream<Path> bundles = Files.list(Path.of(".."))) {
            // The example of a vendor has generations of its own, and is tested where it is built.
            for (Path bundle : (Iterable<Path>)
                    bundles.filter(path -> path.toString().endsWith("-bundle")).sorted()::iterator) {
                Path folder = bundle.resolve("src/test/resources/cases");
                if (Files.isDirectory(folder)) {
                    try (Stream<Path> cases = Files.list(folder)) {
                        cases.filter(file -> file.toString().endsWith(".jsonl"))
                                .sorted()
                                .forEach(files::add);
                    }
                }
            }
        }
        assertFalse(files.isEmpty(), "no case files");
        return files;
    }

    @Test
    void shouldServeAfterItsTrialWithoutAComplaint() {
        try (IommuCore fresh = new IommuCore(new SimulatedPlatformFactory())) {
            installed(fresh);
            assertEquals(
                    List.of(),
                    fresh.backends().stream()
                            .filter(backend -> backend.state() != BackendStatus.State.ACTIVE
                                    || backend.contained() != 0
                                    || !backend.reason().isEmpty())
                            .toList());
        }
    }

    private static BackendBundles installed(IommuCore core) {
        BackendBundles all = new BackendBundles(
                core, jar -> VENDORS.get(jar.getFileName().toString()).get());
        VENDORS.keySet().forEach(jar -> all.install(Path.of(jar), new byte[0]));
        return all;
    }

    /** There is one version of each vendor's bundle, the one that is built here. */
    private static Path jar(String symbolicName, String version) {
        Path jar = jars.resolve(symbolicName + ".jar");
        try {
            return Files.exists(jar) ? jar : Files.createFile(jar);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @ParameterizedTest
    @MethodSource("files")
    void shouldComeToWhatTheCasesSay(Path file) {
        List<CaseResult> results = new ArrayList<>();
        new TestBench(core, bundles, VendorCasesTest::jar).run(List.of(file), Set.of(), true, results::add);
        assertTrue(core.units().isEmpty(), "units are left open");

        assertFalse(results.isEmpty());
        // A chip that is broken on purpose comes to what the case says, and the sanitizer must find it.
        assertEquals(
                results.stream()
                        .map(CaseResult::id)
                        .filter(id -> id.endsWith("-is-stale"))
                        .toList(),
                results.stream()
                        .filter(result -> result.outcome() == Outcome.FAILED)
                        .map(result ->
                                result.step() < 0 && result.findings().chipFaults() > 0 ? result.id() : result.toText())
                        .toList());
        assertEquals(
                List.of(),
                results.stream()
                        .filter(result -> result.outcome() == Outcome.SKIPPED)
                        .map(CaseResult::id)
                        .filter(id -> !id.endsWith("-is-skipped"))
                        .toList());
    }
}
