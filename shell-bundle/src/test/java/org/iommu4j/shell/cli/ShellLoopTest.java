package org.iommu4j.shell.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringReader;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ShellLoopTest {
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();
    private final List<String> executed = new ArrayList<>();
    private final ShellLoop loop = new ShellLoop(this::answer, new PrintWriter(out, true), new PrintWriter(err, true));

    private String answer(String text) throws Exception {
        if (text.chars().filter(c -> c == '\'').count() % 2 == 1) {
            throw new CommandSession.IncompleteCommandException(new IllegalStateException("open quotation"));
        }
        executed.add(text.strip());
        if (text.startsWith("bad")) {
            throw new CommandFailure("it is\nbad");
        }
        return text.startsWith("quiet") ? "" : "did " + text.strip();
    }

    private int run(String input, boolean prompting) throws IOException {
        return loop.run(new PlainInput(new StringReader(input), new PrintWriter(out, true), prompting), prompting);
    }

    @Test
    void shouldPrintResultsOfALinesCommands() throws IOException {
        assertEquals(0, run("a\nquiet\nb\n", false));

        assertEquals("did a\ndid b\n", out.toString());
        assertEquals("", err.toString());
    }

    @Test
    void shouldGoOnAfterAFailureAndTellItInTheExitStatus() throws IOException {
        assertEquals(1, run("bad\nb\n", false));

        assertEquals("iommu4j: it is bad\n", err.toString());
        assertEquals("did b\n", out.toString());
    }

    @Test
    void shouldPromptAPersonAndForgiveFailures() throws IOException {
        assertEquals(0, run("bad\na\nexit\n", true));

        assertEquals("iommu4j> iommu4j> did a\niommu4j> ", out.toString());
    }

    @Test
    void shouldEndWithTheNumberAfterExit() throws IOException {
        assertEquals(7, run("a\nexit 7\nb\n", false));
        assertEquals(List.of("a"), executed);
    }

    @Test
    void shouldKeepAnEarlierFailureWhenExitHasNoNumber() throws IOException {
        assertEquals(1, run("bad\nexit\n", false));
    }

    @Test
    void shouldJoinLinesWhileAQuotationIsOpen() throws IOException {
        assertEquals(0, run("say 'one\ntwo'\n", false));

        assertEquals(List.of("say 'one\ntwo'"), executed);
    }

    @Test
    void shouldFailWhenTheInputEndsInsideAQuotation() throws IOException {
        assertEquals(1, run("say 'one\n", false));

        assertEquals("iommu4j: the input ends inside a quotation or a block\n", err.toString());
    }

    @Test
    void shouldStopAtInputThatIsNotText() {
        CommandFailure zero = assertThrows(CommandFailure.class, () -> run("a\n\0\n", false));
        assertEquals(ExitStatus.USAGE, zero.status());

        CommandFailure longLine = assertThrows(CommandFailure.class, () -> run("x".repeat(20_000), false));
        assertEquals("the input holds a command of more than 16384 characters", longLine.getMessage());

        CommandFailure manyLines = assertThrows(CommandFailure.class, () -> run("'" + "x\n".repeat(10_000), false));
        assertEquals(longLine.getMessage(), manyLines.getMessage());
        assertEquals(List.of("a"), executed);
    }

    @Test
    void shouldExecuteOneTextAndReturnItsStatus() {
        assertEquals(0, loop.execute("a"));
        assertEquals(1, loop.execute("bad"));
        assertEquals(1, loop.execute("say 'one"));
        assertEquals(3, loop.execute("exit 3"));
    }
}
