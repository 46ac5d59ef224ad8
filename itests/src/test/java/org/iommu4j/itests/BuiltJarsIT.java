package org.iommu4j.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.jar.JarFile;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Files and headers that every jar of a release has to carry. */
class BuiltJarsIT {
    private static final Path ROOT = Path.of(System.getProperty("iommu4j.root"));
    private static final Path RUNNABLE = ROOT.resolve("cnf/run/target/iommu4j.jar");

    /** The bundles, the jar of test support, and the runnable jar. */
    static List<Path> jars() throws IOException {
        try (Stream<Path> built = Files.list(Path.of(System.getProperty("bundles")));
                Stream<Path> support = Files.list(ROOT.resolve("api-bundle/target"))) {
            Stream<Path> bundles = built.filter(jar -> jar.toString().endsWith("-bundle.jar"));
            Stream<Path> tests = support.filter(jar -> jar.toString().endsWith("-tests.jar"));
            return Stream.concat(Stream.concat(bundles, tests), Stream.of(RUNNABLE))
                    .toList();
        }
    }

    @ParameterizedTest
    @MethodSource("jars")
    void shouldCarryLicenceAndNotice(Path jar) throws IOException {
        try (JarFile file = new JarFile(jar.toFile())) {
            for (String name : List.of("LICENSE", "NOTICE")) {
                assertTrue(file.getEntry("META-INF/" + name) != null, () -> jar + " has no " + name);
                try (InputStream in = file.getInputStream(file.getEntry("META-INF/" + name))) {
                    assertEquals(
                            Files.readString(ROOT.resolve(name)),
                            new String(in.readAllBytes(), StandardCharsets.UTF_8));
                }
            }
        }
    }

    @Test
    void shouldNameInTheNoticeWhatTheRunnableJarHasOfOthers() throws IOException {
        String notice = Files.readString(ROOT.resolve("NOTICE"));
        try (JarFile file = new JarFile(RUNNABLE.toFile())) {
            List<String> others = file.stream()
                    .map(entry -> entry.getName())
                    .filter(name -> name.startsWith("jar/") && name.endsWith(".jar"))
                    .map(name -> name.substring("jar/".length()).replaceAll("-[0-9].*", ""))
                    .filter(name -> !name.endsWith("-bundle"))
                    .toList();
            assertFalse(others.isEmpty());
            for (String name : others) {
                assertTrue(notice.contains("  " + name + " "), () -> "not named in NOTICE: " + name);
            }
        }
    }

    @Test
    void shouldHaveNoBundleInTheContainerThatKeepsWhatHasGone() throws IOException {
        try (JarFile file = new JarFile(RUNNABLE.toFile())) {
            assertEquals(
                    List.of(),
                    file.stream()
                            .map(entry -> entry.getName())
                            .filter(name -> name.contains("felix.log") || name.contains("configadmin"))
                            .toList());
        }
    }
}
