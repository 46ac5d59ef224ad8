package org.iommu4j.shell.launcher;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The script {@code cnf/capture} with an emulator that only writes what one would, and a tool that tells how it was called. */
class CaptureScriptTest {
    private static final String EMULATOR = """
            #!/usr/bin/env bash
            while [ $# -gt 0 ]; do
                case "$1" in
                    -D) trace=$2 ;;
                    -trace) cat "${2#events=}" ;;
                esac
                shift
            done
            echo "first" >"$trace"
            while read -r word rest; do
                case "$word" in
                    stop) echo "second" >>"$trace" ;;
                    dump-guest-memory) echo memory >"$rest" ;;
                    info) echo "VM status: paused" ;;
                    quit) echo "third" >>"$trace"; exit 0 ;;
                esac
            done
            """;

    private static final String TOOL = """
            #!/usr/bin/env bash
            for word in "$@"; do echo "${word##*/}"; done
            cat "$2" "$4"
            """;

    @TempDir
    private Path folder;

    private record Result(int status, String out) {}

    @BeforeEach
    void makeProject() throws IOException {
        Path root = Path.of(System.getProperty("basedir", "")).toAbsolutePath().getParent();
        script("cnf/capture", Files.readString(root.resolve("cnf/capture")));
        script("iommu4j", TOOL);
        script("emulator", EMULATOR);
        Files.writeString(folder.resolve("kernel"), "a kernel");
    }

    private void script(String file, String text) throws IOException {
        Path path = folder.resolve(file);
        Files.createDirectories(path.getParent());
        Files.writeString(path, text);
        assertTrue(path.toFile().setExecutable(true));
    }

    private Result run(String... arguments) throws IOException, InterruptedException {
        List<String> command =
                new ArrayList<>(List.of(folder.resolve("cnf/capture").toString()));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .start();
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Result(process.waitFor(), out);
    }

    @Test
    void shouldStopTheGuestAndImportItsTraceUpToTheStop() throws IOException, InterruptedException {
        Result result = run(
                "vtd",
                "out",
                "--qemu",
                folder.resolve("emulator").toString(),
                "--kernel",
                "kernel",
                "--seconds",
                "1",
                "--keep",
                "kept");

        assertEquals(0, result.status(), result.out());
        assertTrue(result.out().contains("""
                                import
                                trace.log
                                --memory
                                memory.elf
                                --stopped-after
                                2
                                --console
                                console.log
                                -o
                                out
                                first
                                second
                                third
                                memory
                                """), result.out());
        assertTrue(Files.readString(folder.resolve("kept/monitor.log")).contains("vtd_*"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "riscv out",
                "vtd",
                "vtd --seconds 1",
                "vtd out --seconds",
                "vtd out --seconds many",
                "vtd out --frobnicate 1",
                "vtd out --kernel nothing",
                "vtd out --kernel kernel --qemu nothing",
                "vtd cnf --kernel kernel"
            })
    void shouldRefuseWrongArgumentsBeforeAnythingRuns(String arguments) throws IOException, InterruptedException {
        Result result = run(arguments.isEmpty() ? new String[0] : arguments.split(" "));

        assertEquals(2, result.status(), result.out());
        assertTrue(result.out().contains("cnf/capture: "), result.out());
        assertFalse(Files.exists(folder.resolve("out")));
    }
}
