package org.iommu4j.shell.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.function.UnaryOperator;
import org.iommu4j.shell.text.Texts;
import org.iommu4j.testbench.BoundedLines;

/** The lines of an input, one at a time; each is read when it is asked for. Bytes that are no UTF-8 are replaced. */
final class InputLines implements Iterator<String>, AutoCloseable {
    private final BufferedReader reader;
    private final BoundedLines lines;
    private final UnaryOperator<String> reading;
    private String next;
    private boolean atEnd;
    private long count;

    private InputLines(BufferedReader reader, UnaryOperator<String> reading) {
        this.reader = reader;
        this.reading = reading;
        lines = new BoundedLines(reader);
    }

    /** The lines of that input, which is closed with them. */
    static InputLines of(InputStream in) {
        return of(in, UnaryOperator.identity());
    }

    /**
     * The lines of that input, which is closed with them.
     *
     * @param reading what is to be taken of each line
     */
    static InputLines of(InputStream in, UnaryOperator<String> reading) {
        return new InputLines(new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8)), reading);
    }

    /** How many lines were taken. */
    long count() {
        return count;
    }

    /**
     * True if there is another line.
     *
     * @throws CommandFailure if the input cannot be read, or a line is too long
     */
    @Override
    public boolean hasNext() {
        if (next == null && !atEnd) {
            try {
                next = lines.next();
            } catch (BoundedLines.TooLongException e) {
                throw new CommandFailure(ExitStatus.USAGE, "the input holds a line " + Texts.message(e), e);
            } catch (IOException e) {
                throw new CommandFailure(ExitStatus.USAGE, "the input cannot be read: " + Texts.message(e), e);
            }
            atEnd = next == null;
        }
        return !atEnd;
    }

    @Override
    public String next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        String line = next;
        next = null;
        count++;
        return reading.apply(line);
    }

    @Override
    public void close() {
        try {
            reader.close();
        } catch (IOException e) {
            throw new CommandFailure(ExitStatus.USAGE, "the input cannot be read: " + Texts.message(e), e);
        }
    }
}
