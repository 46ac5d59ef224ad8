package org.iommu4j.shell.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Stream;
import org.iommu4j.amd.AmdViBackend;
import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.spapr.SpaprBackend;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InstallationTest {
    @TempDir
    Path home;

    private Path jar(String path, String symbolicName) throws IOException {
        return jar(path, symbolicName, "1.0.0");
    }

    private Path released(String path, String symbolicName, String version) throws IOException {
        return released(home, path, symbolicName, version);
    }

    /** A jar in the repository of an installation, with its digest beside it. */
    static Path released(Path home, String path, String symbolicName, String version) throws IOException {
        Path jar = jar(home, "cnf/releaserepo/" + path, symbolicName, version);
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(jar));
            Files.writeString(Path.of(jar + ".sha256"), HexFormat.of().formatHex(digest) + "\n");
            return jar;
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private Path jar(String path, String symbolicName, String version) throws IOException {
        return jar(home, path, symbolicName, version);
    }

    private static Path jar(Path home, String path, String symbolicName, String version) throws IOException {
        Path jar = home.resolve(path);
        Files.createDirectories(jar.getParent());
        Manifest manifest = new Manifest();
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
        manifest.getMainAttributes().putValue("Bundle-Version", version);
        if (symbolicName != null) {
            manifest.getMainAttributes().putValue("Bundle-SymbolicName", symbolicName);
        }
        new JarOutputStream(Files.newOutputStream(jar), manifest).close();
        return jar;
    }

    @Test
    void shouldFindTheBuiltJarByItsSymbolicName() throws IOException {
        jar("a-bundle/target/a-1.0.0.jar", "org.a");
        Path wanted = jar("b-bundle/target/b-1.0.0.jar", "org.b;singleton:=true");
        jar("b-bundle/target/b-1.0.0-tests.jar", null);
        Files.writeString(home.resolve("a-bundle/target/cut.jar"), "no jar");

        assertEquals(wanted, new Installation(home).builtJar("org.b"));
    }

    @Test
    void shouldTakeTheJarThatWasBuiltLast() throws IOException {
        Path old = jar("b-bundle/target/b-1.0.0.jar", "org.b");
        Path wanted = jar("b-bundle/target/b-1.0.1.jar", "org.b");
        Files.setLastModifiedTime(old, FileTime.fromMillis(1_000));
        Files.setLastModifiedTime(wanted, FileTime.fromMillis(2_000));

        assertEquals(wanted, new Installation(home).builtJar("org.b"));
    }

    @Test
    void shouldNameTheBundleWhenItWasNotBuilt() throws IOException {
        jar("a-bundle/target/a-1.0.0.jar", "org.a");

        CommandFailure failure = assertThrows(CommandFailure.class, () -> new Installation(home).builtJar("org.b"));
        assertEquals(ExitStatus.USAGE, failure.status());
        assertTrue(failure.getMessage().startsWith("no built jar of org.b"), failure.getMessage());
    }

    @Test
    void shouldFindReleasedJarsAtAnyDepth() throws IOException {
        Path released = released("org/a/1.0.0/a-1.0.0.jar", "org.a", "1.0.0");
        Files.writeString(released.resolveSibling("a-1.0.0.pom"), "<project/>");
        Files.writeString(released.resolveSibling("a-1.0.0-tests.jar"), "no bundle");

        assertEquals(List.of(released), new Installation(home).releasedJars());
    }

    @Test
    void shouldFindAReleaseByItsVersion() throws IOException {
        released("org/a/1.0.0/a-1.0.0.jar", "org.a", "1.0.0");
        Path wanted = released("org/a/1.1.0/a-1.1.0.jar", "org.a", "1.1.0");
        released("org/b/1.2.0/b-1.2.0.jar", "org.b", "1.2.0");
        Installation installation = new Installation(home);

        assertEquals(wanted, installation.jar("org.a", "1.1.0"));
        assertEquals(Path.of("some", "new.jar"), installation.jar("org.a", "some/new.jar"));
        CommandFailure failure = assertThrows(CommandFailure.class, () -> installation.jar("org.a", "1.2.0"));
        assertEquals(ExitStatus.USAGE, failure.status());
        assertEquals("no release 1.2.0 of org.a; released: 1.0.0, 1.1.0", failure.getMessage());
    }

    @Test
    void shouldRefuseAJarThatIsNotWhatWasReleased() throws IOException {
        Path jar = released("org/a/1.0.0/a-1.0.0.jar", "org.a", "1.0.0");
        Installation installation = new Installation(home);
        assertEquals(jar, installation.jar("org.a", jar.toString()));

        jar("cnf/releaserepo/org/a/1.0.0/a-1.0.0.jar", "org.a", "1.0.1");
        for (String asked : List.of("1.0.0", jar.toString())) {
            CommandFailure changed = assertThrows(CommandFailure.class, () -> installation.jar("org.a", asked));
            assertEquals(ExitStatus.USAGE, changed.status());
            assertTrue(changed.getMessage().startsWith(jar + " is not what was released"), changed.getMessage());
        }

        Files.delete(Path.of(jar + ".sha256"));
        CommandFailure missing = assertThrows(CommandFailure.class, installation::releasedJars);
        assertEquals(jar + ".sha256: no such file", missing.getMessage());
    }

    @Test
    void shouldHaveNoReleasedJarsWithoutARepository() {
        assertEquals(List.of(), new Installation(home).releasedJars());
    }

    @Test
    void shouldTakeTheDefaultCaptureThatTheModelsBundleNamesOrAskForOne() {
        List<CaptureFormat> formats = Stream.of(
                        new VtdBackend(), new SmmuBackend(), new AmdViBackend(), new SpaprBackend(), new ZpciBackend())
                .flatMap(backend -> backend.captureFormats().stream())
                .toList();
        Installation installation = new Installation(home);

        assertEquals(
                home.resolve("traces/vtd/legacy-strict-nvme-e1000e"),
                installation.defaultCapture(IommuModel.INTEL, formats));
        assertEquals(
                home.resolve("traces/smmuv3/strict-nvme-e1000e"),
                installation.defaultCapture(IommuModel.ARM_SMMU, formats));
        assertEquals(
                home.resolve("traces/amdvi/strict-nvme-e1000e"), installation.defaultCapture(IommuModel.AMD, formats));
        assertEquals(
                home.resolve("traces/spapr/noddw-nvme-e1000"), installation.defaultCapture(IommuModel.SPAPR, formats));
        assertEquals(
                home.resolve("traces/s390/strict-nvme-virtionet"),
                installation.defaultCapture(IommuModel.S390, formats));
        for (CaptureFormat format : formats) {
            assertTrue(Files.isDirectory(Path.of("..", "traces", format.defaultCapture())), format::defaultCapture);
        }

        CommandFailure failure =
                assertThrows(CommandFailure.class, () -> installation.defaultCapture(IommuModel.INTEL, List.of()));
        assertTrue(failure.getMessage().contains("--capture"), failure.getMessage());
    }
}
