package org.iommu4j.upgrade.json;

import java.io.CharConversionException;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.NoSuchFileException;
import java.util.Arrays;
import java.util.zip.ZipException;
import org.iommu4j.core.service.OneLine;
import org.iommu4j.json.JsonReader;
import org.iommu4j.upgrade.CaptureException;

/**
 * The lines of one file, a JSON object each, one at a time and in bounded memory. Lines end with a line feed. What cannot be
 * read is a {@link CaptureException} that names file and line.
 */
public final class JsonLines implements Closeable {
    /** Longest line in bytes: the longest request in hex and its answer; a page of memory in hex needs 8 KiB. */
    public static final int MAX_LINE_BYTES = 1 << 20;

    private final String file;
    private final InputStream in;
    private final JsonReader reader;
    private final long mostBytes;
    private final boolean mayBeCut;
    private final byte[] chunk = new byte[1 << 16];
    private int position;
    private int filled;
    private byte[] line = new byte[1 << 10];
    private int length;
    private long lineNumber;
    private long total;
    private boolean unterminated;

    /**
     * The lines of a stream.
     *
     * @param file name for messages
     * @param in is closed with the lines
     * @param reader knows the bounds of a line
     * @param mostBytes most bytes of the whole file, unpacked
     * @param mayBeCut true if compressed data that end early are the end of the file, and no error
     */
    public JsonLines(String file, InputStream in, JsonReader reader, long mostBytes, boolean mayBeCut) {
        this.file = file;
        this.in = in;
        this.reader = reader;
        this.mostBytes = mostBytes;
        this.mayBeCut = mayBeCut;
    }

    /**
     * Goes to the next line.
     *
     * @return false at the end
     * @throws CaptureException if the file is cut, damaged or too large
     */
    public boolean next() {
        length = 0;
        if (position == filled && !fill()) {
            return false;
        }
        lineNumber++;
        while (true) {
            int end = position;
            while (end < filled && chunk[end] != '\n') {
                end++;
            }
            append(end);
            unterminated = end == filled;
            position = unterminated ? end : end + 1;
            if (!unterminated || !fill()) {
                return true;
            }
        }
    }

    private void append(int end) {
        int more = end - position;
        if (length + more > MAX_LINE_BYTES) {
            throw new CaptureException(file, lineNumber, 0, "", "longer than " + MAX_LINE_BYTES + " bytes");
        }
        if (length + more > line.length) {
            line = Arrays.copyOf(line, Math.max(2 * line.length, length + more));
        }
        System.arraycopy(chunk, position, line, length, more);
        length += more;
    }

    private boolean fill() {
        position = 0;
        filled = 0;
        try {
            filled = Math.max(0, in.read(chunk));
        } catch (EOFException e) {
            // Everything that could be unpacked was given before.
            if (!mayBeCut) {
                throw unreadable(file, lineNumber, e);
            }
        } catch (IOException e) {
            throw unreadable(file, lineNumber, e);
        }
        total += filled;
        if (total > mostBytes) {
            throw new CaptureException(file, lineNumber, 0, "", "unpacks to more than " + mostBytes + " bytes");
        }
        return filled > 0;
    }

    /** The error of a file that cannot be read at a line; 0 if none is meant. */
    public static CaptureException unreadable(String file, long line, IOException e) {
        String what = "cannot be read: " + OneLine.reason(e);
        if (e instanceof NoSuchFileException) {
            what = "no such file";
        } else if (e instanceof EOFException) {
            what = "is cut: the compressed data ends early";
        } else if (e instanceof CharConversionException) {
            what = e.getMessage();
        } else if (e instanceof ZipException) {
            what = "is no intact gzip file: " + e.getMessage();
        }
        return new CaptureException(file, line, 0, "", what, e);
    }

    /**
     * The object that the line is.
     *
     * @throws CaptureException if it is none
     */
    public JsonObject object() {
        return new JsonObject(reader, file, lineNumber, line, length);
    }

    /** Number of the line, from 1; 0 before the first. */
    public long lineNumber() {
        return lineNumber;
    }

    /** True if the line goes to the end of the file, which has no line feed there. */
    public boolean isUnterminated() {
        return unterminated;
    }

    @Override
    public void close() {
        try {
            in.close();
        } catch (IOException e) {
            throw unreadable(file, lineNumber, e);
        }
    }
}
