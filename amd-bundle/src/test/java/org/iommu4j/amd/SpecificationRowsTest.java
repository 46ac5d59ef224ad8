package org.iommu4j.amd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Every row of the document of docs/spec has a case or a test: rows of a kind that a test reads from the document itself need no other
 * word, every other one is named by its id in a case file or in a test.
 */
class SpecificationRowsTest {
    private static final Path TESTS = Path.of("src", "test");
    private static final Path THIS = Path.of("SpecificationRowsTest.java");

    /** Errata, software duties, shims, host sequences, switches. */
    @ParameterizedTest
    @CsvSource({"B, 32", "AMD-D., 35", "H, 22", "HS, 12", "S-, 14"})
    void shouldNameEveryRow(String prefix, int count) throws IOException {
        Set<String> rows = documented(prefix);
        assertEquals(count, rows.size(), rows::toString);
        rows.removeAll(named(prefix));
        assertEquals(Set.of(), rows, "rows that no case and no test names");
    }

    /** Vectors of kinds that no test reads from the document. */
    @ParameterizedTest
    @ValueSource(strings = "reg")
    void shouldNameEveryVectorOf(String kind) throws IOException {
        Set<String> rows =
                new TreeSet<>(SpecVectors.of(kind).map(SpecVectors.Vector::id).toList());
        assertEquals(17, rows.size(), rows::toString);
        rows.removeAll(named("V"));
        assertEquals(Set.of(), rows, "vectors that no case and no test names");
    }

    /** A test asks for all vectors of the other kinds. */
    @ParameterizedTest
    @ValueSource(strings = {"cmd", "pte", "dte", "evt", "ppr", "dec", "walk", "inv", "leg", "pay"})
    void shouldReadEveryVectorOf(String kind) throws IOException {
        assertTrue(SpecVectors.of(kind).findAny().isPresent());
        String asks = "SpecVectors.of(\"" + kind + "\")";
        assertTrue(texts().stream().anyMatch(text -> text.contains(asks)), asks);
    }

    /** The same for worked requests and payloads. */
    @ParameterizedTest
    @ValueSource(strings = {"M", "R"})
    void shouldReadEveryWorkedRow(String prefix) throws IOException {
        String asks = "SpecVectors.rows(\"" + prefix + "\")";
        assertTrue(texts().stream().anyMatch(text -> text.contains(asks)), asks);
    }

    /** The ids that begin rows of the document's tables. */
    private static Set<String> documented(String prefix) {
        Pattern id = Pattern.compile(Pattern.quote(prefix) + number(prefix));
        Set<String> found = new TreeSet<>();
        for (List<String> cells : SpecVectors.rows(prefix)) {
            Matcher matcher = id.matcher(cells.get(0));
            while (matcher.find()) {
                found.add(matcher.group());
            }
        }
        return found;
    }

    /** What stands behind a prefix: a number, but of switches a word. */
    private static String number(String prefix) {
        return prefix.equals("S-") ? "[A-Z0-9]+" : "[0-9]+";
    }

    /** The ids that cases and tests name; {@code H1 to H4} and {@code AMD-D.1 to AMD-D.4} name all between. */
    private static Set<String> named(String prefix) throws IOException {
        Pattern range = Pattern.compile("(?<![A-Za-z.])" + Pattern.quote(prefix) + "(" + number(prefix) + ")(?: to "
                + Pattern.quote(prefix) + "([0-9]+))?");
        Set<String> found = new TreeSet<>();
        for (String text : texts()) {
            Matcher matcher = range.matcher(text);
            while (matcher.find()) {
                found.add(prefix + matcher.group(1));
                if (matcher.group(2) != null) {
                    int last = Integer.parseInt(matcher.group(2));
                    for (int number = Integer.parseInt(matcher.group(1)); number <= last; number++) {
                        found.add(prefix + number);
                    }
                }
            }
        }
        return found;
    }

    private static List<String> texts() throws IOException {
        List<String> texts = new ArrayList<>();
        try (Stream<Path> files = Files.walk(TESTS)) {
            for (Path file : (Iterable<Path>) files.filter(Files::isRegularFile)::iterator) {
                String name = file.toString();
                if ((name.endsWith(".java") || name.endsWith(".jsonl")) && !file.endsWith(THIS)) {
                    texts.add(Files.readString(file));
                }
            }
        }
        return texts;
    }
}
