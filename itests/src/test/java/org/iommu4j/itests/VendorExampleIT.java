package org.iommu4j.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The example of a vendor, which is no part of this build, is built in a copy elsewhere, with its own pom and against the released
 * jars; the bundle that comes of it passes {@code iommu4j conform}. Its plugins and libraries are those of this build, so that
 * nothing has to be fetched.
 */
class VendorExampleIT {
    private static final Path ROOT =
            Path.of(System.getProperty("iommu4j.root")).toAbsolutePath().normalize();
    private static final long MINUTES = 4;
    private static final String LOCAL_REPOSITORY = "maven.repo.local";

    @TempDir
    private Path folder;

    private Path copyOfTheExample() throws IOException {
        Path source = ROOT.resolve("vendor-example");
        Path copy = folder.resolve("example");
        try (Stream<Path> files = Files.walk(source)) {
            for (Path file : files.filter(file -> !file.startsWith(source.resolve("target")))
                    .toList()) {
                Files.copy(file, copy.resolve(source.relativize(file).toString()));
            }
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
    void shouldBuildElsewhereAgainstTheReleasedJarsAndConform() throws Exception {
        Path example = copyOfTheExample();
        List<String> build = new ArrayList<>(List.of(
                "mvn",
                "-B",
                "-q",
                "-DskipTests",
                "-Diommu4j.repository="
                        + ROOT.resolve("cnf").resolve("releaserepo").toUri()));
        if (System.getProperty(LOCAL_REPOSITORY) != null) {
            build.add("-D" + LOCAL_REPOSITORY + "=" + System.getProperty(LOCAL_REPOSITORY));
        }
        build.add("package");
        run(example, build);

        String checklist = run(
                example,
                Arrays.asList(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:+UseSerialGC",
                        "-Diommu4j.home=" + ROOT,
                        "-jar",
                        ROOT.resolve("cnf/run/target/iommu4j.jar").toString(),
                        "conform",
                        "target/flat-iommu-0.1.0.jar",
                        "--generated",
                        "5",
                        "--swaps",
                        "2",
                        "--cases",
                        "src/test/resources/cases/first.jsonl"));

        assertTrue(checklist.contains("com.example.flat 0.1.0, model intel"), checklist);
        assertTrue(checklist.contains("2 cases passed"), checklist);
        // Neither a virtual IOMMU, nor a vendor part of an invalidation, nor an older release, nor its fixtures.
        assertTrue(checklist.contains("0 failed, 4 not covered"), checklist);
    }
}
