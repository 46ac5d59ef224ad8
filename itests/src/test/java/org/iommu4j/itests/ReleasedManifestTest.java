package org.iommu4j.itests;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.jar.JarFile;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every release of a vendor's bundle has left its fixtures, docs/fixtures.md. */
class ReleasedManifestTest {
    private static final Path ROOT = Path.of(System.getProperty("iommu4j.root"));
    private static final Path RELEASED =
            ROOT.resolve("cnf").resolve("releaserepo").resolve("org/iommu4j");

    static List<Path> jars() throws IOException {
        List<Path> found;
        try (Stream<Path> files = Files.walk(RELEASED)) {
            List<String> vendors = ArchitectureTest.vendors();
            found = files.filter(file -> file.toString().endsWith(".jar"))
                    .filter(file -> vendors.contains(
                            RELEASED.relativize(file).getName(0).toString()))
                    .sorted()
                    .toList();
        }
        assertFalse(found.isEmpty(), "no released bundle of a vendor");
        return found;
    }

    @ParameterizedTest
    @MethodSource("jars")
    void shouldLeaveItsManifestItsStatesAndItsRequests(Path file) throws IOException {
        try (JarFile jar = new JarFile(file.toFile())) {
            var headers = jar.getManifest().getMainAttributes();
            Path fixtures = ROOT.resolve("fixtures")
                    .resolve(headers.getValue("Bundle-SymbolicName"))
                    .resolve(headers.getValue("Bundle-Version"));
            assertArrayEquals(
                    jar.getInputStream(jar.getEntry(JarFile.MANIFEST_NAME)).readAllBytes(),
                    Files.readAllBytes(fixtures.resolve("MANIFEST.MF")));
            assertTrue(Files.size(fixtures.resolve("states.jsonl")) > 0, fixtures::toString);
            assertTrue(Files.size(fixtures.resolve("requests.jsonl.gz")) > 0, fixtures::toString);
        }
    }
}
