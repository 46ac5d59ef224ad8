package org.iommu4j.shell.text;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;

/**
 * Text for a terminal: a line that is too long goes on in the next one, at a word, two columns further in. JSON and command lines
 * stay as they are, so that they can be copied; so does a line that writes over itself.
 */
public final class WrappingWriter extends Writer {
    private static final int FURTHER = 2;
    private static final String COMMAND = "./iommu4j ";

    private final Writer to;
    private final int width;
    private final StringBuilder line = new StringBuilder();

    private WrappingWriter(Writer to, int width) {
        this.to = to;
        this.width = width;
    }

    /**
     * A writer to a screen; the given one, if it is no terminal.
     *
     * @param flushing true if each line is written at once
     */
    public static PrintWriter on(Screen screen, PrintWriter to, boolean flushing) {
        return screen.width() == 0 ? to : new PrintWriter(new WrappingWriter(to, screen.width()), flushing);
    }

    @Override
    public void write(char[] text, int offset, int length) throws IOException {
        for (int i = offset; i < offset + length; i++) {
            if (text[i] == '\n') {
                to.write(isLeft() ? line.toString() : wrapped());
                to.write('\n');
                line.setLength(0);
            } else {
                line.append(text[i]);
            }
        }
    }

    private boolean isLeft() {
        String text = line.toString().strip();
        return line.length() <= width
                || text.startsWith("{")
                || text.startsWith("[")
                || text.contains(COMMAND)
                || text.indexOf('\r') >= 0
                || text.indexOf('\u001b') >= 0;
    }

    private String wrapped() {
        String text = line.toString().stripTrailing();
        int indent = text.length() - text.stripLeading().length();
        String first = " ".repeat(indent);
        return first
                + String.join(
                        "\n" + first + " ".repeat(FURTHER), Screen.wrapped(text.strip(), width - indent - FURTHER));
    }

    @Override
    public void flush() throws IOException {
        to.write(line.toString());
        line.setLength(0);
        to.flush();
    }

    @Override
    public void close() throws IOException {
        flush();
        to.close();
    }
}
