package org.iommu4j.arm.hardware;

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

/** The memory image and the rows of docs/spec/arm-smmu.md 8, as they stand in the document. */
final class SpecificationVectors {
    private static final Pattern STRUCTURE = Pattern.compile("\\| (?:STE|CD) [0-9A-F]+ \\| ([0-9a-f]+) \\| (.*) \\|");
    private static final Pattern QUOTED = Pattern.compile("`([0-9a-f]+)`");
    private static final Pattern WORD = Pattern.compile("\\b([0-9a-f]{8,9}) `([0-9a-f]+)`");
    private static final Pattern ROW = Pattern.compile("\\| (V\\d+) \\| (.*) \\| (.*) \\| .* \\|");
    private static final long NESTED_OFFSET = 0x1_0000_0000L;

    private final List<String> lines;

    SpecificationVectors() {
        Path document = GeneratedDocs.root().resolve("docs").resolve("spec").resolve("arm-smmu.md");
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
     * @param input the second column
     * @param expected the third column
     */
    record Row(String id, String input, String expected) {
        @Override
        public String toString() {
            return id + " " + input;
        }
    }

    /** The rows from one number to another. */
    List<Row> rows(int first, int last) {
        List<Row> rows = new ArrayList<>();
        for (String line : lines) {
            Matcher row = ROW.matcher(line);
            if (row.matches()) {
                int number = Integer.parseInt(row.group(1).substring(1));
                if (number >= first && number <= last) {
                    rows.add(new Row(row.group(1), row.group(2), row.group(3)));
                }
            }
        }
        return rows;
    }

    /** Words of memory by address, section 8.2. */
    Map<Long, Long> image() {
        Map<Long, Long> image = new LinkedHashMap<>();
        int at = 0;
        while (!lines.get(at).startsWith("### 8.2")) {
            at++;
        }
        for (at++; !lines.get(at).startsWith("### 8.3"); at++) {
            String line = lines.get(at);
            Matcher structure = STRUCTURE.matcher(line);
            if (structure.matches()) {
                long address = hex(structure.group(1));
                for (long word : quoted(structure.group(2))) {
                    put(image, address, word, address >= 0x20000000L);
                    address += Long.BYTES;
                }
                continue;
            }
            Matcher word = WORD.matcher(line);
            while (word.find()) {
                long address = hex(word.group(1));
                put(image, address, hex(word.group(2)), address >= 0x40000000L && address < 0x50000000L);
            }
        }
        return image;
    }

    /** Words that the nested stream sees through stage 2 stand a second time further up. */
    private static void put(Map<Long, Long> image, long address, long word, boolean twice) {
        image.put(address, word);
        if (twice) {
            image.put(address + NESTED_OFFSET, word);
        }
    }

    /** The numbers in backquotes. */
    static List<Long> quoted(String text) {
        List<Long> numbers = new ArrayList<>();
        Matcher number = QUOTED.matcher(text);
        while (number.find()) {
            numbers.add(hex(number.group(1)));
        }
        return numbers;
    }

    static long hex(String digits) {
        return HexFormat.fromHexDigitsToLong(digits);
    }
}
