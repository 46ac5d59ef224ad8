package org.iommu4j.upgrade.capture;

import java.io.BufferedInputStream;
import java.io.CharConversionException;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import org.iommu4j.core.service.ByteOrderMark;
import org.iommu4j.upgrade.CaptureException;

/**
 * The lines of one file, one at a time, in bounded memory. Lines end with a line feed. The file is compressed; where it is
 * missing, the same without {@code .gz} is read. A small file that unpacks to something huge is refused before it is read to
 * its end.
 */
final class LineReader implements Closeable {
    /** Longest line in bytes: a page of memory in hex needs 8 KiB, the longest list of a hypercall 16 KiB. */
    static final int MAX_LINE_BYTES = 1 << 20;

    /** Every file may unpack to this many bytes. */
    static final long FREE_BYTES = 64L << 20;

    /** A larger one to this many times its packed size; captures unpack to about 15 times. */
    static final int MAX_RATIO = 256;

    private static final String PACKED = ".gz";

    private final String file;
    private final InputStream in;
    private final long limit;
    private final byte[] chunk = new byte[1 << 16];
    private int chunkPosition;
    private int chunkLength;
    private byte[] line = new byte[1 << 10];
    private int length;
    private long lineNumber;
    private long total;

    /**
     * Opens a file.
     *
     * @param directory the capture
     * @param file name within it, with {@code .gz}
     * @throws CaptureException if it is missing, or not compressed as its name says
     */
    LineReader(Path directory, String file) {
        String plain = file.substring(0, file.length() - PACKED.length());
        boolean packed = Files.exists(directory.resolve(file)) || !Files.exists(directory.resolve(plain));
        this.file = packed ? file : plain;
        Path path = directory.resolve(this.file);
        if (!Files.exists(path)) {
            throw new CaptureException(file, 0, 0, "", "is missing in " + directory);
        }
        if (!Files.isRegularFile(path)) {
            throw new CaptureException(file, 0, 0, "", "is not a file");
        }
        InputStream raw = null;
        try {
            limit = Math.max(FREE_BYTES, MAX_RATIO * Files.size(path));
            raw = Files.newInputStream(path);
            in = ByteOrderMark.skip(packed ? new GZIPInputStream(new BufferedInputStream(raw, 1 << 16), 1 << 16) : raw);
        } catch (IOException e) {
            closeQuietly(raw);
            throw unreadable(e);
        }
    }

    /**
     * Goes to the next line.
     *
     * @return false at the end
     * @throws CaptureException if the file is cut, damaged or too large
     */
    boolean next() {
        length = 0;
        if (chunkPosition == chunkLength && !fill()) {
            return false;
        }
        lineNumber++;
        while (true) {
            int end = chunkPosition;
            while (end < chunkLength && chunk[end] != '\n') {
                end++;
            }
            append(end);
            if (end < chunkLength) {
                chunkPosition = end + 1;
                return true;
            }
            chunkPosition = end;
            if (!fill()) {
                return true;
            }
        }
    }

    private void append(int end) {
        int more = end - chunkPosition;
        if (length + more > MAX_LINE_BYTES) {
            throw new CaptureException(file, lineNumber, 0, "", "longer than " + MAX_LINE_BYTES + " bytes");
        }
        if (length + more > line.length) {
            line = Arrays.copyOf(line, Math.max(2 * line.length, length + more));
        }
        System.arraycopy(chunk, chunkPosition, line, length, more);
        length += more;
    }

    private boolean fill() {
        try {
            int count = in.read(chunk);
            if (count < 0) {
                return false;
            }
            total += count;
            chunkPosition = 0;
            chunkLength = count;
        } catch (IOException e) {
            throw unreadable(e);
        }
        if (total > limit) {
            throw new CaptureException(file, lineNumber, 0, "", "unpacks to more than " + limit + " bytes");
        }
        return true;
    }

    private CaptureException unreadable(IOException e) {
        if (e instanceof EOFException) {
            return new CaptureException(file, lineNumber, 0, "", "is cut: the compressed data ends early", e);
        }
        if (e instanceof CharConversionException) {
            return new CaptureException(file, 1, 0, "", e.getMessage(), e);
        }
        if (e instanceof ZipException) {
            return new CaptureException(file, lineNumber, 0, "", "is no intact gzip file: " + e.getMessage(), e);
        }
        return new CaptureException(file, lineNumber, 0, "", "cannot be read: " + e.getMessage(), e);
    }

    private static void closeQuietly(InputStream stream) {
        if (stream == null) {
            return;
        }
        try {
            stream.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Name of the file. */
    String file() {
        return file;
    }

    /** The bytes of the line; only the first {@link #length} count, until the next call. */
    byte[] line() {
        return line;
    }

    /** Length of the line in bytes, without its end. */
    int length() {
        return length;
    }

    /** Number of the line, from 1. */
    long lineNumber() {
        return lineNumber;
    }

    @Override
    public void close() {
        closeQuietly(in);
    }
}
