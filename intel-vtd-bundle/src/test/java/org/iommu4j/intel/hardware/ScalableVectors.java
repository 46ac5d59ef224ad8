package org.iommu4j.intel.hardware;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.iommu4j.testing.GeneratedDocs;

/** The memory image and the rows of docs/spec/intel-vtd.md 8.3 to 8.10, as they stand in the document. */
final class ScalableVectors {
    private static final Pattern WORDS = Pattern.compile("\\b([0-9a-f]{3,}+)=([0-9a-f]+(?:,[0-9a-f]+)*)");
    private static final Pattern PERMISSIONS = Pattern.compile("HPT image H .*: `(.*)`");

    private final List<String> lines;

    ScalableVectors() {
        Path document = GeneratedDocs.root().resolve("docs").resolve("spec").resolve("intel-vtd.md");
        try {
            lines = Files.readAllLines(document);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * A row.
     *
     * @param id V and its number
     * @param cells the columns after the number
     */
    record Row(String id, List<String> cells) {
        @Override
        public String toString() {
            return id + " " + cells.get(0);
        }

        String last() {
            return cells.get(cells.size() - 1);
        }
    }

    /** The rows from one number to another. */
    List<Row> rows(int first, int last) {
        List<Row> rows = new ArrayList<>();
        for (String line : lines) {
            if (!line.startsWith("| V")) {
                continue;
            }
            List<String> cells = new ArrayList<>(List.of(line.strip().split("\\s*\\|\\s*", -1)));
            String id = cells.get(1);
            if (id.matches("V\\d+")) {
                int number = Integer.parseInt(id.substring(1));
                if (number >= first && number <= last) {
                    rows.add(new Row(id, List.copyOf(cells.subList(2, cells.size() - 1))));
                }
            }
        }
        return rows;
    }

    /** Words of memory by address, section 8.3. */
    Map<Long, Long> image() {
        int at = lines.indexOf("```image");
        StringBuilder text = new StringBuilder();
        for (at++; !lines.get(at).equals("```"); at++) {
            text.append(lines.get(at)).append(' ');
        }
        return words(text.toString());
    }

    /** The words of the host permission tables, section 8.3. */
    Map<Long, Long> permissions() {
        for (String line : lines) {
            Matcher image = PERMISSIONS.matcher(line);
            if (image.matches()) {
                return words(image.group(1));
            }
        }
        throw new IllegalStateException("no image H");
    }

    /** The line of section 8.10 that says what is cached. */
    String cached() {
        return lines.stream()
                .filter(line -> line.startsWith("c1 context sid="))
                .findFirst()
                .orElseThrow();
    }

    /** Every {@code address=word,word} of a text. */
    static Map<Long, Long> words(String text) {
        Map<Long, Long> words = new LinkedHashMap<>();
        Matcher run = WORDS.matcher(text);
        while (run.find()) {
            long address = hex(run.group(1));
            for (String word : run.group(2).split(",", -1)) {
                words.put(address, hex(word));
                address += Long.BYTES;
            }
        }
        return words;
    }

    static long hex(String digits) {
        return HexFormat.fromHexDigitsToLong(digits);
    }
}
