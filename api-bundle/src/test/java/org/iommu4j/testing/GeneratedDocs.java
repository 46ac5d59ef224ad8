package org.iommu4j.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Holds generated documentation current: a test fails when a file is stale, and {@code -Ddocs.update=true} writes it
 * instead.
 */
public final class GeneratedDocs {
    private static final String END = "<!-- end -->";

    private GeneratedDocs() {}

    /** The root of the repository. */
    public static Path root() {
        Path at = Path.of("").toAbsolutePath();
        while (at != null && !Files.exists(at.resolve("cnf").resolve("pom.xml"))) {
            at = at.getParent();
        }
        if (at == null) {
            throw new IllegalStateException("not inside the repository");
        }
        return at;
    }

    /** Fails unless the whole file reads {@code expected}. */
    public static void assertCurrent(Path file, String expected) {
        String found = Files.exists(file) ? read(file) : "";
        if (!found.equals(expected)) {
            settle(file, file.toString(), expected, found, expected);
        }
    }

    /**
     * Fails unless the text between the line {@code <!-- generated: marker -->} and the next {@code <!-- end -->} reads
     * {@code expected}.
     */
    public static void assertSection(Path file, String marker, String expected) {
        String text = read(file);
        String begin = "<!-- generated: " + marker + " -->\n";
        int from = text.indexOf(begin);
        int to = from < 0 ? -1 : text.indexOf(END, from);
        if (to < 0) {
            throw new AssertionError(file + " has no section " + begin.strip() + " ... " + END);
        }
        from += begin.length();
        String found = text.substring(from, to);
        String wanted = "\n" + expected.strip() + "\n\n";
        if (!found.equals(wanted)) {
            settle(
                    file,
                    file + ", section " + marker,
                    text.substring(0, from) + wanted + text.substring(to),
                    found,
                    wanted);
        }
    }

    private static void settle(Path file, String what, String newText, String found, String wanted) {
        if (!Boolean.getBoolean("docs.update")) {
            throw new AssertionError(
                    what + " is stale; run the test with -Ddocs.update=true.\n" + difference(found, wanted));
        }
        try {
            Files.createDirectories(file.toAbsolutePath().getParent());
            Files.writeString(file, newText);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String difference(String found, String wanted) {
        String[] before = found.split("\n", -1);
        String[] after = wanted.split("\n", -1);
        for (int i = 0; i < Math.max(before.length, after.length); i++) {
            String is = i < before.length ? before[i] : "(nothing)";
            String shouldBe = i < after.length ? after[i] : "(nothing)";
            if (!is.equals(shouldBe)) {
                return "line " + (i + 1) + "\n  is:        " + is + "\n  should be: " + shouldBe;
            }
        }
        return "";
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
