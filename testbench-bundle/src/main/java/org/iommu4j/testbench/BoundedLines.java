package org.iommu4j.testbench;

import java.io.IOException;
import java.io.Reader;

/** Lines of a text, none of which is longer than a line of a case file may be. */
public final class BoundedLines {
    /** Longest line in characters. */
    public static final int MAX_LINE = 4 << 20;

    private final Reader in;

    /** Lines of a text; who gives it closes it. */
    public BoundedLines(Reader in) {
        this.in = in;
    }

    /**
     * The next line without its end, which is a line feed.
     *
     * @return null after the last one
     * @throws TooLongException if there is no end in {@link #MAX_LINE} characters
     * @throws IOException if the text cannot be read
     */
    public String next() throws IOException {
        int c = in.read();
        if (c < 0) {
            return null;
        }
        StringBuilder line = new StringBuilder();
        for (; c >= 0 && c != '\n'; c = in.read()) {
            if (line.length() == MAX_LINE) {
                throw new TooLongException();
            }
            line.append((char) c);
        }
        return line.toString();
    }

    /** A line is too long. */
    public static final class TooLongException extends IOException {
        private static final long serialVersionUID = 1L;

        private TooLongException() {
            super("longer than " + MAX_LINE + " characters");
        }
    }
}
