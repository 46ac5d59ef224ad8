package org.iommu4j.shell.terminal;

import java.io.IOError;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.iommu4j.core.service.OneLine;
import org.iommu4j.shell.cli.CommandFailure;
import org.iommu4j.shell.cli.Completions;
import org.iommu4j.shell.cli.ExitStatus;
import org.iommu4j.shell.cli.ShellInput;
import org.iommu4j.shell.cli.ShellLoop;
import org.jline.builtins.Completers.FileNameCompleter;
import org.jline.reader.Candidate;
import org.jline.reader.Completer;
import org.jline.reader.EndOfFileException;
import org.jline.reader.LineReader;
import org.jline.reader.LineReader.Option;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.ParsedLine;
import org.jline.reader.UserInterruptException;
import org.jline.terminal.Terminal;
import org.jline.terminal.TerminalBuilder;

/** Lines that a person types at a terminal, with editing, a history that outlives the program, and completion. */
public final class TerminalInput implements ShellInput {
    /** Lines of the history. */
    private static final int HISTORY_LINES = 1000;

    private final Terminal terminal;
    private final LineReader reader;

    private TerminalInput(Terminal terminal, LineReader reader) {
        this.terminal = terminal;
        this.reader = reader;
    }

    /**
     * Opens the terminal of standard input and output.
     *
     * @param completions what Tab offers
     * @param colours true if its user wants colours
     * @param history file of the lines that were typed; where it cannot be made, the history ends with the program
     * @throws IOException if there is no such terminal
     */
    public static TerminalInput open(Completions completions, boolean colours, Path history) throws IOException {
        return on(terminal(), completions, colours, history);
    }

    /** Lines that are typed at that terminal, which is closed with this. */
    static TerminalInput on(Terminal terminal, Completions completions, boolean colours, Path history) {
        LineReaderBuilder builder = LineReaderBuilder.builder()
                .terminal(terminal)
                .appName("iommu4j")
                .completer(completer(completions))
                // An exclamation mark is no reference to the history, a backslash is the shell's.
                .option(Option.DISABLE_EVENT_EXPANSION, true)
                .variable(LineReader.HISTORY_SIZE, HISTORY_LINES)
                .variable(LineReader.HISTORY_FILE_SIZE, HISTORY_LINES);
        if (!colours) {
            builder.variable(LineReader.COMPLETION_STYLE_STARTING, "");
        }
        if (isKept(history)) {
            builder.variable(LineReader.HISTORY_FILE, history);
        }
        return new TerminalInput(terminal, builder.build());
    }

    /** The terminal by the tools of the system, so that no native code is loaded; they are looked for beside the library. */
    private static Terminal terminal() throws IOException {
        Thread thread = Thread.currentThread();
        ClassLoader before = thread.getContextClassLoader();
        thread.setContextClassLoader(TerminalBuilder.class.getClassLoader());
        try {
            return TerminalBuilder.builder()
                    .system(true)
                    .provider("exec")
                    .dumb(false)
                    .build();
        } finally {
            thread.setContextClassLoader(before);
        }
    }

    /** True if there is a file for the history, which nobody else may read. */
    private static boolean isKept(Path history) {
        try {
            if (!Files.exists(history)) {
                Files.createDirectories(history.getParent());
                Files.createFile(
                        history, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
            }
            return Files.isWritable(history);
        } catch (IOException | UnsupportedOperationException e) {
            return false;
        }
    }

    private static Completer completer(Completions completions) {
        Completer files = new FileNameCompleter();
        return (reader, line, candidates) -> {
            List<String> before = line.words().subList(0, line.wordIndex());
            String begun = begun(line);
            List<String> words = completions.at(before, begun);
            words.forEach(word -> candidates.add(new Candidate(word)));
            if (words.isEmpty() && completions.mayBeFile(before) && !begun.startsWith("-")) {
                files.complete(reader, line, candidates);
            }
        };
    }

    private static String begun(ParsedLine line) {
        return line.word().substring(0, line.wordCursor());
    }

    @Override
    public String next(String prompt, int most) throws AbandonedException {
        String line;
        try {
            line = reader.readLine(prompt);
        } catch (UserInterruptException e) {
            throw new AbandonedException(e);
        } catch (EndOfFileException e) {
            return null;
        } catch (IOError e) {
            throw new CommandFailure(
                    ExitStatus.USAGE,
                    "the terminal cannot be read: "
                            + OneLine.message(e.getCause().getMessage()),
                    e);
        }
        if (line.length() > most) {
            throw ShellLoop.tooLong();
        }
        return line;
    }

    @Override
    public void close() throws IOException {
        terminal.close();
    }
}
