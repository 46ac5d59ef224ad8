package org.iommu4j.testbench.conform;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.iommu4j.amd.AmdViBackend;
import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.backend.Backend;
import org.iommu4j.core.IommuCore;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.spapr.SpaprBackend;
import org.iommu4j.testbench.CaseFileException;
import org.iommu4j.testbench.ConformOptions;
import org.iommu4j.testbench.ConformReport;
import org.iommu4j.testbench.ConformReport.Result;
import org.iommu4j.testbench.FixtureService;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What releases wrote: every release after them reads it. */
class FixturesTest {
    private static final Path RELEASED = Path.of("..", "fixtures");
    private static final String NAME = "com.example.vendor";
    private static final String VERSION = "1.2.0";

    @TempDir
    private Path folder;

    static Stream<Arguments> vendors() {
        return Stream.of(
                arguments("org.iommu4j.intel.vtd", new VtdBackend()),
                arguments("org.iommu4j.arm.smmu", new SmmuBackend()),
                arguments("org.iommu4j.amd", new AmdViBackend()),
                arguments("org.iommu4j.spapr.tce", new SpaprBackend()),
                arguments("org.iommu4j.s390.zpci", new ZpciBackend()));
    }

    private ConformReport.Line released(String name, Backend backend, Path fixtures) throws IOException {
        Path jar = new VendorJar()
                .header("Bundle-SymbolicName", name)
                .header("Bundle-Version", backend.describe().version())
                .component(backend.describe().model().label())
                .write(folder);
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            ConformReport report = new Conformance(
                            core, new SimulatedPlatformFactory(), new BackendBundles(core, path -> backend))
                    .run(
                            ConformOptions.of(jar)
                                    .withOnly(Set.of(Requirement.STATE_RELEASED.id()))
                                    .withFixtures(fixtures),
                            line -> {});
            assertEquals(1, report.lines().size(), report::toText);
            return report.lines().get(0);
        }
    }

    @ParameterizedTest
    @MethodSource("vendors")
    void shouldGoOnFromTheStatesOfEveryRelease(String name, Backend vendor) throws IOException {
        ConformReport.Line line = released(name, vendor, RELEASED);

        assertEquals(Result.PASSED, line.result(), line::toText);
        for (Fixtures release : Fixtures.of(RELEASED, name)) {
            assertTrue(line.detail().contains(release.version().toString()), line::detail);
            assertFalse(release.states(vendor.describe().model()).isEmpty());
        }
    }

    /** Fixtures that the built VT-d has written for an invented bundle. */
    private Path written() throws IOException {
        Path jar = new VendorJar().component("intel").write(folder);
        Path all = folder.resolve("fixtures");
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            FixtureWriter writer = new FixtureWriter(
                    core, new SimulatedPlatformFactory(), new BackendBundles(core, path -> new VtdBackend()));
            Path release = writer.folder(jar, all);
            assertEquals(all.resolve(NAME).resolve(VERSION), release);
            assertTrue(writer.write(jar, all, 1).startsWith(release + ": "));
            assertEquals(List.of(), core.units());
        }
        return all;
    }

    private Path states(Path all) {
        return all.resolve(NAME).resolve(VERSION).resolve(FixtureService.STATES);
    }

    @Test
    void shouldReadWhatItWritesInEveryGeneration() throws IOException {
        Path all = written();

        Fixtures release = Fixtures.of(all, NAME).get(0);
        VtdBackend backend = new VtdBackend();
        assertEquals(
                Set.copyOf(backend.describe().generations().stream()
                        .map(generation -> generation.subVersion())
                        .toList()),
                Set.copyOf(release.states(backend.describe().model()).stream()
                        .map(Fixtures.State::subVersion)
                        .toList()));
        assertTrue(
                Files.readString(release.folder().resolve(Fixtures.MANIFEST)).contains("Bundle-SymbolicName: " + NAME));
        assertEquals(Result.PASSED, released(NAME, backend, all).result());
    }

    @Test
    void shouldFindAStateThatIsAnotherAfterRestoringUnlessSomebodyHasLookedAtIt() throws IOException {
        Path all = written();
        List<String> lines = Files.readAllLines(states(all));
        String hex = lines.get(0).replaceAll(".*\"hex\":\"([0-9a-f]*)\".*", "$1");
        Path reviewed = states(all).resolveSibling(Fixtures.REVIEWED);
        Files.writeString(reviewed, "{\"line\":1,\"why\":\"as a test wants it\",\"hex\":\"" + hex + "00\"}\n");

        ConformReport.Line other = released(NAME, new VtdBackend(), all);
        assertEquals(Result.FAILED, other.result());
        assertTrue(other.detail().contains("line 1 of release 1.2.0"), other::detail);
        assertTrue(other.again().contains("--fixtures "), other::again);

        Files.writeString(reviewed, "{\"line\":1,\"why\":\"as a test wants it\",\"hex\":\"" + hex + "\"}\n");
        assertEquals(Result.PASSED, released(NAME, new VtdBackend(), all).result());
    }

    @Test
    void shouldFindAStateThatIsNotReadAnyMore() throws IOException {
        Path all = written();
        Path states = states(all);
        Files.writeString(
                states, Files.readString(states).replace("\"generation\":\"0x100\"", "\"generation\":\"0x99\""));
        ConformReport.Line gone = released(NAME, new VtdBackend(), all);
        assertEquals(Result.FAILED, gone.result());
        assertTrue(gone.detail().contains("it has no such generation any more"), gone::detail);

        Files.writeString(states, "{\"kind\":\"hardware\",\"generation\":\"0x110\",\"version\":1,\"hex\":\"00\"}\n");
        ConformReport.Line damaged = released(NAME, new VtdBackend(), all);
        assertEquals(Result.FAILED, damaged.result());
        assertTrue(damaged.detail().contains("cannot be restored"), damaged::detail);
    }

    @Test
    void shouldNameTheLineOfAFixtureThatIsDamaged() throws IOException {
        Path all = written();
        Fixtures release = Fixtures.of(all, NAME).get(0);
        for (String line : List.of(
                "{}",
                "[]",
                "{\"kind\":\"other\",\"generation\":1,\"version\":1,\"hex\":\"00\"}",
                "{\"kind\":\"guest\",\"generation\":1,\"version\":1,\"hex\":\"0\"}",
                "{\"kind\":\"guest\",\"generation\":\"x\",\"version\":1,\"hex\":\"00\"}")) {
            Files.writeString(states(all), line + "\n");
            CaseFileException wrong = assertThrows(
                    CaseFileException.class,
                    () -> release.states(new VtdBackend().describe().model()),
                    line);
            assertEquals(1, wrong.line());
        }
        Files.createDirectory(all.resolve(NAME).resolve("no version"));
        assertThrows(CaseFileException.class, () -> Fixtures.of(all, NAME));
    }

    @Test
    void shouldSayThatNothingIsThereToLookAt() throws IOException {
        assertEquals(
                Result.NOT_COVERED,
                released(NAME, new VtdBackend(), folder.resolve("nothing")).result());
        assertEquals(Result.NOT_COVERED, released(NAME, new VtdBackend(), null).result());
    }
}
