package org.iommu4j.upgrade.trace;

import java.io.BufferedOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.GZIPOutputStream;
import org.iommu4j.upgrade.CaptureException;

/** Writes the files of a capture's timeline: all records, and its commands and translations once more. */
final class CaptureWriter implements Closeable {
    private static final int BUFFER_BYTES = 1 << 16;

    private final Path directory;
    private final OutputStream timeline;
    private final OutputStream commands;
    private final OutputStream translations;
    private final List<OutputStream> opened = new ArrayList<>();
    private final Map<String, Long> counts = new TreeMap<>();
    private long t;

    /**
     * Begins.
     *
     * @throws CaptureException if the files cannot be written
     */
    CaptureWriter(Path directory) {
        this.directory = directory;
        timeline = open("timeline.jsonl.gz");
        commands = open("commands.jsonl.gz");
        translations = open("translations.jsonl.gz");
    }

    private OutputStream open(String file) {
        try {
            OutputStream out = compressed(directory.resolve(file));
            opened.add(out);
            return out;
        } catch (IOException e) {
            throw unwritable(directory, e);
        }
    }

    private static OutputStream compressed(Path file) throws IOException {
        return new BufferedOutputStream(new GZIPOutputStream(Files.newOutputStream(file), BUFFER_BYTES), BUFFER_BYTES);
    }

    static CaptureException unwritable(Path what, IOException e) {
        return new CaptureException(what.toString(), 0, 0, "", "cannot be written: " + e.getMessage(), e);
    }

    /**
     * Writes a record.
     *
     * @param kind of the record
     * @param fields its other keys with their values, as JSON
     */
    void record(String kind, String fields) {
        byte[] line = ("{\"t\":" + t + ",\"k\":\"" + kind + "\"" + fields + "}\n").getBytes(StandardCharsets.UTF_8);
        try {
            timeline.write(line);
            if (kind.equals("cmd")) {
                commands.write(line);
            } else if (kind.equals("xlate")) {
                translations.write(line);
            }
        } catch (IOException e) {
            throw unwritable(directory, e);
        }
        counts.merge(kind, 1L, Long::sum);
        t++;
    }

    /** Time of the next record. */
    long time() {
        return t;
    }

    /** Records by kind. */
    Map<String, Long> counts() {
        return counts;
    }

    /** Writes a compressed file of lines. */
    static void lines(Path file, Iterable<String> lines) {
        try (OutputStream out = compressed(file)) {
            for (String line : lines) {
                out.write((line + "\n").getBytes(StandardCharsets.UTF_8));
            }
        } catch (IOException e) {
            throw unwritable(file, e);
        }
    }

    /** Writes a text. */
    static void text(Path file, String text) {
        try {
            Files.writeString(file, text);
        } catch (IOException e) {
            throw unwritable(file, e);
        }
    }

    @Override
    public void close() {
        CaptureException failure = null;
        for (OutputStream out : opened) {
            try {
                out.close();
            } catch (IOException e) {
                failure = unwritable(directory, e);
            }
        }
        if (failure != null) {
            throw failure;
        }
    }
}
