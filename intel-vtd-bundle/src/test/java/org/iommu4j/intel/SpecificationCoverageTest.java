package org.iommu4j.intel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.iommu4j.testing.GeneratedDocs;
import org.junit.jupiter.api.Test;

/**
 * Every vector, example, erratum and duty of software in the document of docs/spec has a test or a case that names it: by its id, or as one
 * of a range ("V41 to V182") of rows that a test reads from the document.
 */
class SpecificationCoverageTest {
    private static final Pattern ROW =
            Pattern.compile("^(?:\\| )?(V\\d+|E\\d+|B\\d+|VTD-[A-Z0-9]+\\.\\d+) \\|", Pattern.MULTILINE);
    private static final Pattern NAMED = Pattern.compile("(?<![\\w-])(V\\d+|E\\d+|B\\d+|VTD-[A-Z0-9]+\\.\\d+)\\b");
    private static final Pattern RANGE = Pattern.compile("(?<![\\w-])(V|E|B|VTD-[A-Z0-9]+\\.)(\\d+) to \\1(\\d+)\\b");

    /** What no test can show, and why. */
    private static final Map<String, String> NOT_MODELLED = Map.ofEntries(
            Map.entry("B13", "posted writes that are under way"),
            Map.entry("B14", "read-only memory maps"),
            Map.entry("B15", "write buffers"),
            Map.entry("B29", "commands of one queue that overtake each other"),
            Map.entry("VTD-DLY.2", "memory whose reads have side effects"),
            Map.entry("VTD-DLY.3", "time"),
            Map.entry("VTD-DRN.1", "requests that are under way"),
            Map.entry("VTD-PRG.4", "how tables are read is said by the clients that write them"),
            Map.entry("VTD-PRG.6", "entries that are changed while a unit reads them"),
            Map.entry("VTD-PRG.8", "host permission tables of a driver"),
            Map.entry("VTD-PRQ.1", "the client answers its devices' requests for pages"),
            Map.entry("VTD-PRQ.2", "requests for pages that are under way"),
            Map.entry("VTD-RWB.1", "write buffers"),
            Map.entry("VTD-SHR.1", "tables that several units share: each unit has its own driver"));

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String tests() {
        Path sources = GeneratedDocs.root().resolve("intel-vtd-bundle/src/test");
        try (Stream<Path> files = Files.walk(sources)) {
            return files.filter(Files::isRegularFile)
                    .filter(file -> !file.endsWith("SpecificationCoverageTest.java"))
                    .map(SpecificationCoverageTest::text)
                    .collect(Collectors.joining("\n"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Set<String> named(String text) {
        Set<String> ids = new TreeSet<>();
        Matcher single = NAMED.matcher(text);
        while (single.find()) {
            ids.add(single.group(1));
        }
        Matcher range = RANGE.matcher(text);
        while (range.find()) {
            String first = range.group(2);
            for (int number = Integer.parseInt(first); number <= Integer.parseInt(range.group(3)); number++) {
                ids.add(range.group(1) + String.format("%0" + first.length() + "d", number));
            }
        }
        return ids;
    }

    private static Set<String> rows() {
        Matcher row = ROW.matcher(
                text(GeneratedDocs.root().resolve("docs").resolve("spec").resolve("intel-vtd.md")));
        Set<String> ids = new TreeSet<>();
        while (row.find()) {
            ids.add(row.group(1));
        }
        return ids;
    }

    @Test
    void shouldHaveATestForEachRowOfTheDocument() {
        Set<String> missing = rows();
        assertTrue(missing.size() > 300, missing::toString);
        missing.removeAll(named(tests()));
        missing.removeAll(NOT_MODELLED.keySet());
        assertEquals(List.of(), List.copyOf(missing));
    }

    @Test
    void shouldGiveReasonsForRowsOnlyThatThereAre() {
        Set<String> unknown = new TreeSet<>(NOT_MODELLED.keySet());
        unknown.removeAll(rows());
        assertEquals(Set.of(), unknown);
    }
}
