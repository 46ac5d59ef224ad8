package org.iommu4j.shell.launcher;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The script {@code iommu4j} in a project of its own, with a Java and a Maven that only tell how they were called. */
class LauncherScriptTest {
    private static final String MAVEN = """
            #!/usr/bin/env bash
            echo "$PWD $*" >>"$CALLS"
            echo "[INFO] Building iommu4j core 1.0.0                            [2/3]"
            echo "[ERROR] something that a compiler says"
            [ -z "$BREAK" ] || exit 1
            mkdir -p cnf/target cnf/run/target
            cnf/inputs >cnf/target/inputs
            [ -z "$EDIT" ] || echo edited >>"$EDIT"
            echo resolved >bnd.bndrun
            echo jar >cnf/run/target/iommu4j.jar
            cnf/inputs cnf/target/inputs >cnf/run/target/iommu4j.inputs
            """;
    private static final String JAVA = """
            #!/usr/bin/env bash
            echo "in $PWD"
            for stream in 0 1 2; do [ -e /dev/fd/$stream ] || echo "closed: $stream"; done
            printf '%s\\n' "$@"
            [ -z "$WAIT" ] || { echo started >"$WAIT"; sleep 60; }
            exit 5
            """;

    @TempDir
    Path folder;

    private Path project;
    private Path temporary;
    private Path jdk;
    private final Map<String, String> environment = new HashMap<>();

    private record Result(int status, String out, String err) {
        String all() {
            return "status " + status + "\n" + out + err;
        }
    }

    @BeforeEach
    void makeProject() throws IOException {
        project = folder.resolve("a project");
        for (String file : List.of(
                "pom.xml",
                "bnd.bndrun",
                ".mvn/maven.config",
                "cnf/bnd.bnd",
                "cnf/run/pom.xml",
                "core-bundle/pom.xml",
                "core-bundle/bnd.bnd",
                "core-bundle/src/main/java/A.java",
                "core-bundle/src/test/java/ATest.java")) {
            write(project.resolve(file), "", false);
        }
        Path root = Path.of(System.getProperty("basedir", "")).toAbsolutePath().getParent();
        for (String script : List.of("iommu4j", "cnf/inputs")) {
            write(project.resolve(script), Files.readString(root.resolve(script)), true);
        }
        Path help = Path.of("src/test/resources/org/iommu4j/shell/cli/help");
        for (String text : List.of("iommu4j.txt", "upgrade.txt")) {
            write(
                    project.resolve("shell-bundle").resolve(help).resolve(text),
                    Files.readString(root.resolve("shell-bundle").resolve(help).resolve(text)),
                    false);
        }
        write(project.resolve("cnf/pom.xml"), "  <revision>3.2.1</revision>\n", false);
        temporary = Files.createDirectories(folder.resolve("temporary"));
        write(folder.resolve("bin/mvn"), MAVEN, true);
        jdk = folder.resolve("jdk");
        write(jdk.resolve("bin/java"), JAVA, true);
        write(jdk.resolve("bin/javac"), "", true);
        write(jdk.resolve("release"), "JAVA_VERSION=\"17.0.15\"\n", false);
        age(project);
        environment.put("TMPDIR", temporary.toString());
        environment.put("WAIT", "");
        environment.put("PATH", folder.resolve("bin") + ":" + System.getenv("PATH"));
        environment.put("JAVA_HOME", jdk.toString());
        environment.put("CALLS", folder.resolve("calls").toString());
        environment.put("BREAK", "");
        environment.put("EDIT", "");
        environment.put("IOMMU4J_JAVA_OPTS", "");
    }

    private static void write(Path file, String text, boolean executable) throws IOException {
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
        if (executable) {
            Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
        }
    }

    /** Makes everything an hour old, so that what is written from now on is newer whatever the clock's grain. */
    private static void age(Path root) throws IOException {
        try (var files = Files.walk(root)) {
            for (Path file : files.toList()) {
                Files.setLastModifiedTime(file, FileTime.from(Instant.now().minusSeconds(3600)));
            }
        }
    }

    private Result run(Path script, String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(script.toString()));
        command.addAll(List.of(arguments));
        Path out = folder.resolve("out");
        Path err = folder.resolve("err");
        Path elsewhere = Files.createDirectories(folder.resolve("elsewhere"));
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(elsewhere.toFile())
                .redirectOutput(out.toFile())
                .redirectError(err.toFile());
        builder.environment().putAll(environment);
        Process process = builder.start();
        process.getOutputStream().close();
        assertTrue(process.waitFor(60, TimeUnit.SECONDS), "the script does not end");
        try (var left = Files.list(elsewhere)) {
            assertEquals(List.of(), left.toList(), "left in the working directory");
        }
        return new Result(process.exitValue(), Files.readString(out), Files.readString(err));
    }

    private long builds() throws IOException {
        Path calls = folder.resolve("calls");
        return Files.exists(calls)
                ? Files.readAllLines(calls, StandardCharsets.UTF_8).size()
                : 0;
    }

    @Test
    void shouldBuildOnFirstUseAndShowTheModules() throws Exception {
        Result result = run(project.resolve("iommu4j"), "upgrade");

        assertEquals(1, builds());
        assertTrue(result.err().contains("not built yet"), result.all());
        assertTrue(result.err().contains("  [2/3] iommu4j core 1.0.0\n"), result.all());
        assertFalse(result.err().contains("compiler"), result.all());
    }

    @Test
    void shouldAnswerForHelpAndVersionWithoutBuilding() throws Exception {
        Path script = project.resolve("iommu4j");
        Path texts = project.resolve("shell-bundle/src/test/resources/org/iommu4j/shell/cli/help");
        for (List<String> arguments : List.of(List.of("--help"), List.of("-h"), List.of("help"))) {
            assertEquals(
                    Files.readString(texts.resolve("iommu4j.txt")),
                    run(script, arguments.toArray(String[]::new)).out());
        }
        for (List<String> arguments :
                List.of(List.of("upgrade", "--swaps", "3", "--help"), List.of("help", "upgrade"))) {
            assertEquals(
                    Files.readString(texts.resolve("upgrade.txt")),
                    run(script, arguments.toArray(String[]::new)).out());
        }
        assertEquals("iommu4j 3.2.1\n", run(script, "--version").out());
        assertEquals(2, run(script, "help", "nothing").status());
        assertEquals(0, builds());

        run(script);
        Files.writeString(project.resolve("core-bundle/src/main/java/A.java"), "changed");
        assertEquals(5, run(script, "--help").status());
        assertEquals(1, builds());
    }

    @Test
    void shouldNotBuildACopyOfABuiltTree() throws Exception {
        run(project.resolve("iommu4j"));
        Path copy = folder.resolve("copy");
        Process copying = new ProcessBuilder("cp", "-r", project.toString(), copy.toString()).start();
        assertTrue(copying.waitFor(60, TimeUnit.SECONDS));

        Result result = run(copy.resolve("iommu4j"), "upgrade");

        assertEquals(5, result.status());
        assertEquals("", result.err());
        assertEquals(1, builds());
    }

    @Test
    void shouldRunWhatWasBuiltInATreeThatCannotBeWritten() throws Exception {
        // A file in place of the folder keeps everybody from writing there, the superuser too.
        Files.writeString(project.resolve("cnf/run/target"), "no folder");
        Result unbuilt = run(project.resolve("iommu4j"), "upgrade");
        assertEquals(3, unbuilt.status());
        assertEquals(1, unbuilt.err().lines().count(), unbuilt.all());
        assertTrue(unbuilt.err().contains("cannot be written"), unbuilt.all());
        assertEquals(0, builds());
    }

    @Test
    void shouldSayInOneLineThatThereIsNoMaven() throws Exception {
        Files.delete(folder.resolve("bin/mvn"));
        environment.put("PATH", withoutMaven());

        Result result = run(project.resolve("iommu4j"), "upgrade");

        assertEquals(3, result.status());
        assertEquals(1, result.err().lines().count(), result.all());
        assertTrue(result.err().contains("not built yet"), result.all());
        assertTrue(result.err().contains("no mvn on the PATH"), result.all());
    }

    /** A folder with what the script needs and no Maven. */
    private String withoutMaven() throws IOException {
        Path tools = Files.createDirectories(folder.resolve("tools"));
        for (String tool : List.of(
                "bash",
                "env",
                "awk",
                "cut",
                "cat",
                "dirname",
                "find",
                "flock",
                "grep",
                "id",
                "mkdir",
                "mktemp",
                "readlink",
                "rm",
                "sed",
                "sha256sum",
                "shasum",
                "sort",
                "tail",
                "tee",
                "tr",
                "xargs")) {
            for (String directory : System.getenv("PATH").split(":", -1)) {
                Path file = Path.of(directory, tool);
                if (Files.isExecutable(file) && !Files.exists(tools.resolve(tool))) {
                    Files.createSymbolicLink(tools.resolve(tool), file);
                }
            }
        }
        return tools.toString();
    }

    @Test
    void shouldTakeAwayWhatAKilledRunHasLeftAndNothingElse() throws Exception {
        Path script = project.resolve("iommu4j");
        run(script);
        Path started = folder.resolve("started");
        environment.put("WAIT", started.toString());
        ProcessBuilder builder = new ProcessBuilder(script.toString(), "upgrade")
                .redirectOutput(folder.resolve("waiting").toFile())
                .redirectErrorStream(true);
        builder.environment().putAll(environment);
        Process alive = builder.start();
        try {
            for (int i = 0; i < 6000 && !Files.exists(started); i++) {
                Thread.sleep(10);
            }
            environment.put("WAIT", "");
            Path live = temporaryFolder(Files.readString(folder.resolve("waiting")));
            Path base = live.getParent();
            Path dead = Files.createDirectories(base.resolve("run.deadbeef/osgi.fw"))
                    .getParent();
            Path foreign = Files.createDirectories(base.resolve("notes"));
            Path elsewhere = Files.createDirectories(temporary.resolve("osgi.1.fw"));

            Result result = run(script, "upgrade");

            assertTrue(Files.isDirectory(live), "the folder of a run that goes on");
            assertFalse(Files.exists(dead), "the folder of a run that was killed");
            assertTrue(Files.isDirectory(foreign));
            assertTrue(Files.isDirectory(elsewhere));
            assertEquals(base, temporaryFolder(result.out()).getParent());
        } finally {
            alive.descendants().forEach(ProcessHandle::destroyForcibly);
            alive.destroyForcibly();
            assertTrue(alive.waitFor(60, TimeUnit.SECONDS));
        }
    }

    private static Path temporaryFolder(String out) {
        String option = "-Djava.io.tmpdir=";
        return Path.of(out.lines()
                .filter(line -> line.startsWith(option))
                .findFirst()
                .orElseThrow()
                .substring(option.length()));
    }

    @Test
    void shouldPassArgumentsAndExitStatusInTheCallersDirectory() throws Exception {
        Result result = run(project.resolve("iommu4j"), "replay", "two words", "*");

        assertEquals(5, result.status());
        List<String> lines = result.out().lines().toList();
        assertEquals("in " + folder.resolve("elsewhere").toRealPath(), lines.get(0));
        int jar = lines.indexOf("-jar");
        assertEquals(
                List.of(
                        project.toRealPath()
                                .resolve("cnf/run/target/iommu4j.jar")
                                .toString(),
                        "replay",
                        "two words",
                        "*"),
                lines.subList(jar + 1, lines.size()));
        assertTrue(lines.contains("-Diommu4j.home=" + project.toRealPath()), result.all());
    }

    @Test
    void shouldGiveJavaItsStandardStreamsEvenIfTheCallerClosedThem() throws Exception {
        Path caller = folder.resolve("caller");
        write(caller, "#!/usr/bin/env bash\nexec '" + project.resolve("iommu4j") + "' shell <&- 2>&-\n", true);

        Result result = run(caller);

        assertEquals(5, result.status());
        assertFalse(result.out().contains("closed"), result.all());
    }

    @Test
    void shouldFindItsProjectThroughSymbolicLinks() throws Exception {
        Path inner = Files.createSymbolicLink(folder.resolve("link"), project.resolve("iommu4j"));
        Path outer = Files.createSymbolicLink(folder.resolve("bin/relative"), Path.of("../link"));

        assertEquals(5, run(outer).status());
        assertEquals(5, run(inner).status());
        assertEquals(1, builds());
    }

    @Test
    void shouldBuildAgainOnlyWhenASourceOfTheJarChangedAndNameIt() throws Exception {
        run(project.resolve("iommu4j"));
        Files.writeString(project.resolve("core-bundle/src/test/java/ATest.java"), "changed");
        // Another time alone is no change.
        Path source = project.resolve("core-bundle/src/main/java/A.java");
        Files.setLastModifiedTime(source, FileTime.from(Instant.now().plusSeconds(9)));
        run(project.resolve("iommu4j"));
        assertEquals(1, builds());

        Files.writeString(source, "changed");
        Result changed = run(project.resolve("iommu4j"));
        assertEquals(2, builds());
        assertTrue(changed.err().contains("core-bundle/src/main/java/A.java has changed"), changed.all());

        write(project.resolve("core-bundle/src/main/java/B.java"), "", false);
        write(project.resolve("core-bundle/src/main/java/C.java"), "", false);
        Result added = run(project.resolve("iommu4j"));
        assertEquals(3, builds());
        assertTrue(added.err().contains("core-bundle/src/main/java/B.java is new, and 1 more"), added.all());
    }

    @Test
    void shouldBuildAgainWhenASourceWasEditedDuringTheBuild() throws Exception {
        environment.put("EDIT", "core-bundle/src/main/java/A.java");
        run(project.resolve("iommu4j"));
        environment.put("EDIT", "");

        run(project.resolve("iommu4j"));
        assertEquals(2, builds());
        run(project.resolve("iommu4j"));
        assertEquals(2, builds());
    }

    @Test
    void shouldBuildAgainWhenASourceWasDeleted() throws Exception {
        run(project.resolve("iommu4j"));
        Files.delete(project.resolve("core-bundle/src/main/java/A.java"));

        Result result = run(project.resolve("iommu4j"));
        assertEquals(2, builds());
        assertTrue(result.err().contains("core-bundle/src/main/java/A.java is gone"), result.all());
    }

    @Test
    void shouldShowTheEndOfTheLogWhenTheBuildFails() throws Exception {
        environment.put("BREAK", "yes");

        Result result = run(project.resolve("iommu4j"), "upgrade");

        assertEquals(3, result.status());
        assertEquals("", result.out());
        assertTrue(result.err().contains("[ERROR] something that a compiler says"), result.all());
        assertTrue(result.err().contains("cnf/run/target/build.log"), result.all());
    }

    @Test
    void shouldNameJavaWhenItIsMissingOrTooOld() throws Exception {
        write(jdk.resolve("release"), "JAVA_VERSION=\"1.8.0_202\"\n", false);
        Result old = run(project.resolve("iommu4j"));
        assertEquals(3, old.status());
        assertTrue(old.err().contains("is version 1.8.0_202; iommu4j needs 17 or newer"), old.all());

        environment.put("JAVA_HOME", folder.resolve("nowhere").toString());
        Result missing = run(project.resolve("iommu4j"));
        assertEquals(3, missing.status());
        assertEquals(1, missing.err().lines().count(), missing.all());
        assertEquals(0, builds());
    }

    @Test
    void shouldTakeJavaFromThePathWithoutJavaHome() throws Exception {
        environment.put("JAVA_HOME", "");
        Files.createSymbolicLink(folder.resolve("bin/java"), jdk.resolve("bin/java"));

        assertEquals(5, run(project.resolve("iommu4j")).status());
    }

    @Test
    void shouldAskForAJdkWhenThereIsOnlyAJre() throws Exception {
        Files.delete(jdk.resolve("bin/javac"));

        Result result = run(project.resolve("iommu4j"));

        assertEquals(3, result.status());
        assertTrue(result.err().contains("has no javac"), result.all());
    }

    @Test
    void shouldAddTheUsersOptionsLastAndNewJvmsOptionsOnlyThere() throws Exception {
        environment.put("IOMMU4J_JAVA_OPTS", "-Xmx1g -Dx=y");
        List<String> lines = run(project.resolve("iommu4j")).out().lines().toList();
        assertTrue(lines.indexOf("-Xmx1g") > lines.indexOf("-Xmx256m"), lines.toString());
        assertTrue(lines.contains("-Dx=y"), lines.toString());
        assertFalse(lines.contains("--sun-misc-unsafe-memory-access=allow"), lines.toString());

        write(jdk.resolve("release"), "JAVA_VERSION=\"25\"\n", false);
        lines = run(project.resolve("iommu4j")).out().lines().toList();
        assertTrue(lines.contains("--sun-misc-unsafe-memory-access=allow"), lines.toString());
    }
}
