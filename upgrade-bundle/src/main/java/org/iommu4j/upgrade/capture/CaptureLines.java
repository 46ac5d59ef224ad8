package org.iommu4j.upgrade.capture;

import java.io.BufferedInputStream;
import java.io.CharConversionException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;
import org.iommu4j.core.service.ByteOrderMark;
import org.iommu4j.json.JsonBounds;
import org.iommu4j.json.JsonReader;
import org.iommu4j.upgrade.CaptureException;
import org.iommu4j.upgrade.json.JsonLines;

/**
 * The files of a capture. Those of lines are compressed; where one is missing, the same without {@code .gz} is read. A small
 * file that unpacks to something huge is refused before it is read to its end.
 */
final class CaptureLines {
    /** Bounds of a line, and of a file that is one object: some have lists of objects, and keys that we do not know. */
    static final JsonReader JSON =
            new JsonReader(new JsonBounds(16, JsonLines.MAX_LINE_BYTES, 64, 1024, JsonBounds.MAX_VALUES));

    /** Every file may unpack to this many bytes. */
    private static final long FREE_BYTES = 64L << 20;

    /** A larger one to this many times its packed size; captures unpack to about 15 times. */
    private static final int MAX_RATIO = 256;

    private static final int BUFFER_BYTES = 1 << 16;
    private static final String PACKED = ".gz";

    private CaptureLines() {}

    /**
     * Opens a file.
     *
     * @param directory the capture
     * @param file name within it, with {@code .gz}
     * @throws CaptureException if it is missing, or not compressed as its name says
     */
    static JsonLines open(Path directory, String file) {
        String plain = file.substring(0, file.length() - PACKED.length());
        boolean packed = Files.exists(directory.resolve(file)) || !Files.exists(directory.resolve(plain));
        String name = packed ? file : plain;
        Path path = directory.resolve(name);
        if (!Files.exists(path)) {
            throw new CaptureException(file, 0, 0, "", "no such file in the capture " + directory);
        }
        if (!Files.isRegularFile(path)) {
            throw new CaptureException(file, 0, 0, "", "is not a file");
        }
        InputStream raw = null;
        try {
            long limit = Math.max(FREE_BYTES, MAX_RATIO * Files.size(path));
            raw = Files.newInputStream(path);
            InputStream in = ByteOrderMark.skip(
                    packed ? new GZIPInputStream(new BufferedInputStream(raw, BUFFER_BYTES), BUFFER_BYTES) : raw);
            return new JsonLines(name, in, JSON, limit, false);
        } catch (IOException e) {
            CaptureException refusal = JsonLines.unreadable(name, e instanceof CharConversionException ? 1 : 0, e);
            closed(raw, refusal);
            throw refusal;
        }
    }

    /** Closes what was opened of a file that is refused. */
    private static void closed(InputStream raw, CaptureException refusal) {
        if (raw != null) {
            try {
                raw.close();
            } catch (IOException e) {
                refusal.addSuppressed(e);
            }
        }
    }
}
