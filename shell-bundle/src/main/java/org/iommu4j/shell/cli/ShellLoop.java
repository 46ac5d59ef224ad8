package org.iommu4j.shell.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.iommu4j.shell.text.Texts;

/** Reads commands, executes them, prints their results, and goes on after a failure. */
public final class ShellLoop {
    private static final String PROMPT = "iommu4j> ";
    private static final String CONTINUATION = "       > ";
    private static final Pattern EXIT = Pattern.compile("\\s*(?:exit|quit)(?:\\s+(\\d{1,3}))?\\s*;?\\s*");

    /** A command is parsed anew with each of its lines; nobody writes longer ones. */
    private static final int MAX_COMMAND_CHARS = 1 << 14;

    /** Gogo's message when no method of that name takes these arguments. */
    private static final Pattern MISMATCH = Pattern.compile("Cannot coerce (\\w+)\\(");

    private final CommandSession session;
    private final PrintWriter out;
    private final PrintWriter err;

    /** A loop over a session. */
    public ShellLoop(CommandSession session, PrintWriter out, PrintWriter err) {
        this.session = session;
        this.out = out;
        this.err = err;
    }

    /**
     * Executes one text, whatever it holds.
     *
     * @return {@link ExitStatus#OK} or {@link ExitStatus#FAILED}
     */
    public int execute(String text) {
        Matcher exit = EXIT.matcher(text);
        if (exit.matches()) {
            return status(exit);
        }
        try {
            print(session.execute(text));
            return ExitStatus.OK;
        } catch (Exception | StackOverflowError e) {
            fail(e);
            return ExitStatus.FAILED;
        }
    }

    /** True if a text ends the shell. */
    static boolean isExit(String text) {
        return EXIT.matcher(text).matches();
    }

    /**
     * Executes lines until the input ends or a line says {@code exit}.
     *
     * @param in the commands, one or more a line; a quotation or block may go on over several lines
     * @param prompting true if a person types them
     * @throws CommandFailure if the input is not text, or a command in it is too long
     * @return the number after {@code exit}; else 1 if a command failed and nobody was prompted, else 0
     */
    public int run(ShellInput in, boolean prompting) throws IOException {
        int status = ExitStatus.OK;
        StringBuilder text = new StringBuilder();
        while (true) {
            String line;
            try {
                line = in.next(text.isEmpty() ? PROMPT : CONTINUATION, MAX_COMMAND_CHARS - text.length());
            } catch (ShellInput.AbandonedException e) {
                text.setLength(0);
                continue;
            }
            if (line == null) {
                if (!text.isEmpty()) {
                    err.println("iommu4j: the input ends inside a quotation or a block");
                    err.flush();
                    status = ExitStatus.FAILED;
                }
                return prompting ? ExitStatus.OK : status;
            }
            Matcher exit = EXIT.matcher(line);
            if (text.isEmpty() && exit.matches()) {
                return exit.group(1) == null && !prompting ? status : status(exit);
            }
            text.append(line).append('\n');
            try {
                print(session.execute(text.toString()));
                text.setLength(0);
            } catch (CommandSession.IncompleteCommandException e) {
                // The next line goes on with it.
            } catch (Exception | StackOverflowError e) {
                fail(e);
                text.setLength(0);
                status = ExitStatus.FAILED;
            }
        }
    }

    /** The failure of a command that nobody writes. */
    public static CommandFailure tooLong() {
        return new CommandFailure(
                ExitStatus.USAGE, "the input holds a command of more than " + MAX_COMMAND_CHARS + " characters", null);
    }

    private static int status(Matcher exit) {
        return exit.group(1) == null ? ExitStatus.OK : Integer.parseInt(exit.group(1)) & 0xff;
    }

    /** Output that a command wrote itself went past {@code out}; flushing tells whether it was lost. */
    private void print(String result) {
        if (!result.isEmpty()) {
            out.print(result.endsWith("\n") ? result : result + "\n");
        }
        out.flush();
    }

    private void fail(Throwable failure) {
        out.flush();
        String message =
                failure instanceof StackOverflowError ? "the command is nested too deeply" : Texts.message(failure);
        Matcher mismatch = MISMATCH.matcher(message);
        err.println("iommu4j: "
                + (mismatch.lookingAt()
                        ? "wrong arguments of " + mismatch.group(1) + "; 'help " + mismatch.group(1)
                                + "' tells which are right"
                        : message));
        err.flush();
    }
}
