package org.iommu4j.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The example of a vendor, which is no part of this build, is built in a copy elsewhere, against jars in a repository and with
 * its own pom; the bundle that comes of it passes {@code iommu4j conform}.
 */
class VendorExampleIT {
    private static final Path ROOT =
            Path.of(System.getProperty("iommu4j.root")).toAbsolutePath().normalize();
    private static final List<String> NEIGHBOURS = List.of("api-bundle", "simulation-bundle", "driver-bundle");
    private static final long MINUTES = 5;

    /** No release has this version, so that no copy of these jars is ever taken for one. */
    private final String version = "0.0.0-" + UUID.randomUUID();

    @TempDir
    private Path folder;

    @AfterEach
    void removeMavensCopies() throws IOException {
        Path local = Path.of(System.getProperty(
                "maven.repo.local",
                Path.of(System.getProperty("user.home"), ".m2", "repository").toString()));
        for (String module : NEIGHBOURS) {
            delete(local.resolve("org/iommu4j").resolve(module).resolve(version));
        }
    }

    private static void delete(Path tree) throws IOException {
        if (Files.isDirectory(tree)) {
            try (Stream<Path> files = Files.walk(tree)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
    }

    /** A repository with the jars that this build has made, as a release of them would be. */
    private Path repository() throws IOException {
        Path repository = folder.resolve("repository");
        for (String module : NEIGHBOURS) {
            Path target = repository.resolve("org/iommu4j").resolve(module).resolve(version);
            Files.createDirectories(target);
            Files.copy(
                    Path.of(System.getProperty("bundles")).resolve(module + ".jar"),
                    target.resolve(module + "-" + version + ".jar"));
            Files.writeString(target.resolve(module + "-" + version + ".pom"), """
                    <project><modelVersion>4.0.0</modelVersion><groupId>org.iommu4j</groupId>
                    <artifactId>%s</artifactId><version>%s</version></project>
                    """.formatted(module, version));
        }
        return repository;
    }

    private Path copyOfTheExample() throws IOException {
        Path source = ROOT.resolve("vendor-example");
        Path copy = folder.resolve("example");
        try (Stream<Path> files = Files.walk(source)) {
            files.filter(file -> !file.startsWith(source.resolve("target"))).forEach(file -> {
                try {
                    Files.copy(file, copy.resolve(source.relativize(file).toString()));
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
        }
        return copy;
    }

    private static String run(Path directory, List<String> command) throws IOException, InterruptedException {
        Path output = Files.createTempFile(directory, "output", ".txt");
        Process process = new ProcessBuilder(command)
                .directory(directory.toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        boolean ended = process.waitFor(MINUTES, TimeUnit.MINUTES);
        process.destroyForcibly();
        String text = Files.readString(output, StandardCharsets.UTF_8);
        assertTrue(ended, () -> command + " did not end: " + text);
        assertEquals(0, process.exitValue(), () -> command + ": " + text);
        return text;
    }

    @Test
    void shouldBuildElsewhereAndConform() throws Exception {
        Path example = copyOfTheExample();
        run(
                example,
                List.of(
                        "mvn",
                        "-B",
                        "-o",
                        "-q",
                        "-DskipTests",
                        "-Daether.offline.protocols=file",
                        "-Diommu4j.version=" + version,
                        "-Diommu4j.repository=" + repository().toUri(),
                        "package"));

        String checklist = run(
                example,
                List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:+UseSerialGC",
                        "-jar",
                        ROOT.resolve("cnf/run/target/iommu4j.jar").toString(),
                        "conform",
                        "target/flat-iommu-0.1.0.jar",
                        "--generated",
                        "40",
                        "--cases",
                        "src/test/resources/cases/first.jsonl"));

        assertTrue(checklist.contains("com.example.flat 0.1.0, model intel"), checklist);
        assertTrue(checklist.contains("2 cases passed"), checklist);
        // No virtual IOMMU, no vendor part of an invalidation, and no older release.
        assertTrue(checklist.contains("0 failed, 3 not covered"), checklist);
    }
}
