package org.iommu4j.amd;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** The vectors and worked requests of docs/spec/amd-vi.md 8 and 5.6, as that document describes them. */
public final class SpecVectors {
    private static final Path DOCUMENT = Path.of("..", "docs", "spec", "amd-vi.md");
    private static final List<String> LINES = read();

    /**
     * One line.
     *
     * @param id its name
     * @param kind what it is about
     * @param columns what stands behind the kind
     */
    public record Vector(String id, String kind, List<String> columns) {
        /** The last column. */
        public String expected() {
            return columns.get(columns.size() - 1);
        }

        /** The column before the last. */
        public String input() {
            return columns.get(columns.size() - 2);
        }

        @Override
        public String toString() {
            return id + " " + columns.get(0);
        }
    }

    private SpecVectors() {}

    /** All vectors of a kind. */
    public static Stream<Vector> of(String kind) {
        List<Vector> found = new ArrayList<>();
        for (String line : block("vectors")) {
            String[] columns = line.split(" \\| ", -1);
            Vector vector = new Vector(
                    columns[0].strip(),
                    columns[1].strip(),
                    Stream.of(columns).skip(2).map(String::strip).toList());
            if (vector.kind().equals(kind)) {
                found.add(vector);
            }
        }
        return found.stream();
    }

    /** The words of a named image, by address. */
    public static Map<Long, Long> image(String name) {
        for (String line : block("images")) {
            String[] parts = line.split(" ", -1);
            if (parts[0].equals(name)) {
                Map<Long, Long> words = new HashMap<>();
                for (int i = 1; i < parts.length; i++) {
                    put(words, parts[i]);
                }
                return words;
            }
        }
        return null;
    }

    /** Adds {@code address:value}, both in hexadecimal. */
    public static void put(Map<Long, Long> words, String pair) {
        String[] parts = pair.split(":", -1);
        words.put(hex(parts[0]), hex(parts[1]));
    }

    /** An unsigned hexadecimal number. */
    public static long hex(String digits) {
        return Long.parseUnsignedLong(digits, 16);
    }

    /** The lines of a fenced block of the document. */
    public static List<String> block(String name) {
        List<String> lines = new ArrayList<>();
        boolean inside = false;
        for (String line : LINES) {
            if (line.equals("```" + name)) {
                inside = true;
            } else if (line.equals("```")) {
                inside = false;
            } else if (inside) {
                lines.add(line);
            }
        }
        return lines;
    }

    /** The rows of tables whose first cell begins with a prefix, each as its cells. */
    public static List<List<String>> rows(String prefix) {
        List<List<String>> rows = new ArrayList<>();
        for (String line : LINES) {
            if (line.startsWith("| " + prefix)) {
                String[] cells = line.substring(1).split("\\|", -1);
                rows.add(Stream.of(cells).map(String::strip).toList());
            }
        }
        return rows;
    }

    private static List<String> read() {
        try {
            return Files.readAllLines(DOCUMENT);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
