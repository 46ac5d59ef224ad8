package org.iommu4j.shell.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.Reader;

/** Lines of a file or a pipe, or of a terminal that is taken as it is. */
public final class PlainInput implements ShellInput {
    private final Reader in;
    private final PrintWriter out;
    private final boolean prompting;

    /**
     * An input.
     *
     * @param in the lines
     * @param out where prompts go
     * @param prompting true if a person types them
     */
    public PlainInput(Reader in, PrintWriter out, boolean prompting) {
        this.in = in;
        this.out = out;
        this.prompting = prompting;
    }

    @Override
    public String next(String prompt, int most) throws IOException {
        show(prompt);
        StringBuilder line = new StringBuilder();
        int c = in.read();
        if (c < 0) {
            show(System.lineSeparator());
            return null;
        }
        for (; c >= 0 && c != '\n'; c = in.read()) {
            if (c == 0) {
                throw new CommandFailure(ExitStatus.USAGE, "the input is not text: it holds a zero byte", null);
            }
            if (line.length() >= most) {
                throw ShellLoop.tooLong();
            }
            line.append((char) c);
        }
        return line.toString();
    }

    private void show(String text) {
        if (prompting) {
            out.print(text);
            out.flush();
        }
    }
}
