package org.iommu4j.shell.text;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Text for a terminal: a line that is too long goes on in the next one, at a word: below its last column, if it is a row of columns,
 * else two places further in. JSON and command lines stay as they are, so that they can be copied; so does a line that writes over
 * itself.
 */
public final class WrappingWriter extends Writer {
    private static final int FURTHER = 2;

    /** A line that is there to be copied: a command, perhaps after a label or the command that feeds it, or JSON. */
    private static final Pattern COPIED =
            Pattern.compile("(?:[a-z]+(?::| \\|) +|[0-9]+ +)?\\./iommu4j .*|\\{.*|\\[[\\[{\"\\]].*");

    /** The last column of a row begins after several blanks. */
    private static final Pattern COLUMN = Pattern.compile("\\S {2,}(?=\\S)");

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
                || COPIED.matcher(text).matches()
                || text.indexOf('\r') >= 0
                || text.indexOf('\u001b') >= 0;
    }

    private String wrapped() {
        String text = line.toString().stripTrailing();
        int indent = text.length() - text.stripLeading().length();
        int column = column(text);
        int begin = column > 0 ? column : indent;
        int next = column > 0 ? column : indent + FURTHER;
        List<String> lines = Screen.wrapped(text.substring(begin), width - next);
        return text.substring(0, begin) + String.join("\n" + " ".repeat(next), lines);
    }

    /** Column at which the last cell of a row begins; 0 if it is none, or has too little room for its words. */
    private int column(String text) {
        int column = 0;
        Matcher gaps = COLUMN.matcher(text);
        while (gaps.find() && gaps.end() <= width / 2) {
            column = gaps.end();
        }
        int room = width - column;
        return Screen.words(text.substring(column)).stream().allMatch(word -> word.length() <= room) ? column : 0;
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
