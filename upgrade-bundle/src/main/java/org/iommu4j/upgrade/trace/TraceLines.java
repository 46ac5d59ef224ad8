package org.iommu4j.upgrade.trace;

import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.GZIPInputStream;
import org.iommu4j.upgrade.CaptureException;

/** The lines of a trace, plain or compressed, one at a time and in bounded memory. */
final class TraceLines implements Closeable {
    /** Longer lines are cut: no event is that long. */
    private static final int MAX_LINE_BYTES = 4096;

    private static final int BUFFER_BYTES = 1 << 16;
    private static final int GZIP_MAGIC_0 = 0x1f;
    private static final int GZIP_MAGIC_1 = 0x8b;

    /** Bytes with which a binary trace begins; text never does. */
    private static final byte[] BINARY = {-1, -1, -1, -1, -1, -1, -1, -1};

    private final String name;
    private final InputStream in;
    private final byte[] line = new byte[MAX_LINE_BYTES];
    private long number;
    private boolean ended;
    private boolean whole;

    /**
     * Opens a trace.
     *
     * @throws CaptureException if it cannot be read, or is the binary form of a trace
     */
    TraceLines(Path file) {
        name = file.toString();
        if (!Files.exists(file)) {
            throw new CaptureException(name, 0, 0, "", "no such file");
        }
        if (Files.isDirectory(file)) {
            throw new CaptureException(name, 0, 0, "", "is a directory");
        }
        InputStream opened = null;
        try {
            opened = new BufferedInputStream(Files.newInputStream(file), BUFFER_BYTES);
            opened.mark(BINARY.length);
            byte[] begin = opened.readNBytes(BINARY.length);
            opened.reset();
            if (Arrays.equals(begin, BINARY)) {
                throw new CaptureException(
                        name,
                        0,
                        0,
                        "",
                        "is a trace of the backend \"simple\", in binary; the backend \"log\" writes lines: -trace EVENTS -D FILE");
            }
            boolean packed = begin.length > 1 && (begin[0] & 0xff) == GZIP_MAGIC_0 && (begin[1] & 0xff) == GZIP_MAGIC_1;
            in = packed ? new BufferedInputStream(new GZIPInputStream(opened, BUFFER_BYTES), BUFFER_BYTES) : opened;
        } catch (IOException e) {
            throw unreadable(e);
        } catch (CaptureException e) {
            closeAfter(opened, e);
            throw e;
        }
    }

    private static void closeAfter(InputStream opened, CaptureException refusal) {
        try {
            opened.close();
        } catch (IOException e) {
            refusal.addSuppressed(e);
        }
    }

    private CaptureException unreadable(IOException e) {
        return new CaptureException(name, number, 0, "", "cannot be read: " + e.getMessage(), e);
    }

    /**
     * The next line without its end, or null after the last one.
     *
     * @throws CaptureException if it cannot be read
     */
    String next() {
        if (ended) {
            return null;
        }
        int length = 0;
        try {
            int next = in.read();
            while (next >= 0 && next != '\n') {
                if (length < line.length) {
                    line[length] = (byte) next;
                    length++;
                }
                next = in.read();
            }
            ended = next < 0;
        } catch (IOException e) {
            throw unreadable(e);
        }
        if (ended && length == 0) {
            return null;
        }
        number++;
        whole = !ended;
        int end = length > 0 && line[length - 1] == '\r' ? length - 1 : length;
        return new String(line, 0, end, StandardCharsets.ISO_8859_1);
    }

    /** The number of that line, from 1. */
    long number() {
        return number;
    }

    /** False if the file ended before the line did. */
    boolean isWhole() {
        return whole;
    }

    @Override
    public void close() {
        try {
            in.close();
        } catch (IOException e) {
            throw unreadable(e);
        }
    }
}
