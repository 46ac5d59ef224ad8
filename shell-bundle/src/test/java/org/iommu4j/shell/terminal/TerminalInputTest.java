package org.iommu4j.shell.terminal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.iommu4j.shell.cli.CommandFailure;
import org.iommu4j.shell.cli.Completions;
import org.iommu4j.shell.cli.ShellInput.AbandonedException;
import org.iommu4j.shell.testing.FakeHost;
import org.jline.terminal.impl.ExternalTerminal;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A person at a terminal: one without a device, whose keys and screen are streams. */
@Timeout(60)
class TerminalInputTest {
    private static final String PROMPT = "ask> ";
    /** As a terminal sends it whose keypad the line editor has switched. */
    private static final String UP = "\u001bOA";

    private static final String CTRL_C = "\u0003";
    private static final String CTRL_D = "\u0004";
    private static final String CTRL_R = "\u0012";
    private static final int MOST = 100;
    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(30);

    @TempDir
    Path folder;

    private final ExecutorService reader = Executors.newSingleThreadExecutor();
    private ByteArrayOutputStream screen;
    private PipedOutputStream keys;
    private TerminalInput input;

    @BeforeEach
    void sitDown() throws IOException {
        open(folder.resolve("state").resolve("history"));
    }

    private void open(Path history) throws IOException {
        screen = new ByteArrayOutputStream();
        keys = new PipedOutputStream();
        ExternalTerminal terminal =
                new ExternalTerminal("screen", "xterm", new PipedInputStream(keys), screen, StandardCharsets.UTF_8);
        Completions completions = new Completions(
                () -> List.of("iommu:swap", "iommu:units", "felix:lb"), new FakeHost(folder)::core, Map.of());
        input = TerminalInput.on(terminal, completions, false, history);
    }

    @AfterEach
    void goAway() throws IOException {
        keys.close();
        input.close();
        reader.shutdownNow();
    }

    /** What the next line comes to when somebody sees the prompt and types that. */
    private Future<String> asked(String typed) throws IOException, InterruptedException {
        int shown = screen.size();
        Future<String> line = reader.submit((Callable<String>) () -> input.next(PROMPT, MOST));
        long begun = System.nanoTime();
        while (!screen.toString(StandardCharsets.UTF_8).substring(shown).contains(PROMPT)) {
            assertTrue(System.nanoTime() - begun < PATIENCE_NANOS, "no prompt");
            Thread.sleep(1);
        }
        keys.write(typed.getBytes(StandardCharsets.UTF_8));
        keys.flush();
        return line;
    }

    private String typed(String keysTyped) throws Exception {
        return asked(keysTyped).get(PATIENCE_NANOS, TimeUnit.NANOSECONDS);
    }

    private Throwable refused(String keysTyped) throws Exception {
        Future<String> line = asked(keysTyped);
        return assertThrows(ExecutionException.class, () -> line.get(PATIENCE_NANOS, TimeUnit.NANOSECONDS))
                .getCause();
    }

    @Test
    void shouldReadWhatIsTypedUntilTheInputEnds() throws Exception {
        assertEquals("iommu:units", typed("iommu:units\r"));
        assertEquals("echo 'a!b \\c'", typed("echo 'a!b \\c'\r"), "neither history nor escapes are read into a line");
        assertNull(typed(CTRL_D));
    }

    @Test
    void shouldGiveUpWhatWasTypedAtControlC() throws Exception {
        assertInstanceOf(AbandonedException.class, refused("iommu:un" + CTRL_C));
        assertEquals("lb", typed("lb\r"), "and goes on");
    }

    @Test
    void shouldFetchEarlierLinesAlsoOfEarlierSessions() throws Exception {
        typed("first\r");
        typed("second\r");
        assertEquals("first", typed(UP + UP + "\r"));
        goAwayAndComeBack();
        assertEquals("first", typed(UP + "\r"));
        assertEquals("second", typed(CTRL_R + "sec\r"));
        assertEquals(
                "rw-------",
                PosixFilePermissions.toString(
                        Files.getPosixFilePermissions(folder.resolve("state").resolve("history"))));
    }

    private void goAwayAndComeBack() throws IOException {
        keys.close();
        input.close();
        sitDown();
    }

    @Test
    void shouldKeepNoHistoryWhereNoneCanBeMade() throws Exception {
        Path file = Files.writeString(folder.resolve("file"), "");
        keys.close();
        input.close();
        open(file.resolve("history"));
        typed("first\r");
        assertEquals("first", typed(UP + "\r"));
        assertEquals("", Files.readString(file));
    }

    @Test
    void shouldCompleteCommandsModelsAndFiles() throws Exception {
        assertEquals("iommu:swap intel 1.0.0 ", typed("iommu:sw\tin\t1\t\r"));
        Files.writeString(folder.resolve("capture.jsonl"), "");
        String begun = "replay " + folder.resolve("capt");
        assertEquals("replay " + folder.resolve("capture.jsonl") + " ", typed(begun + "\t\r"));
        assertEquals("nothing:like", typed("nothing:like\t\r"));
        assertFalse(screen.toString(StandardCharsets.UTF_8).contains("capture.jsonl\u001b[0m"), "no colours");
    }

    @Test
    void shouldRefuseACommandThatNobodyTypes() throws Exception {
        assertInstanceOf(CommandFailure.class, refused("x".repeat(MOST + 1) + "\r"));
    }
}
