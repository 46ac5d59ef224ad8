package org.iommu4j.shell.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What text is shown on: a terminal of some width, perhaps with colours, or a file or pipe, whose lines are as long as they are.
 *
 * @param width in columns; 0 if it is no terminal
 * @param colours true if it has them and its user wants them
 */
public record Screen(int width, boolean colours) {
    /** A file or a pipe. */
    public static final Screen NONE = new Screen(0, false);

    private static final int USUAL = 80;

    /** A terminal narrower than that cuts lines itself. */
    private static final int LEAST = 40;

    private static final int MOST = 1000;

    /** How the name of the program begins in a message that tells what to call. */
    private static final String QUOTED_COMMAND = "'./iommu4j";

    private static final String ESCAPE = "\u001b[";

    /** A colour, by its number among the terminal's. */
    public enum Colour {
        /** Something failed. */
        RED("31"),
        /** All is well. */
        GREEN("32"),
        /** Something was left out. */
        YELLOW("33");

        private final String code;

        Colour(String code) {
            this.code = code;
        }
    }

    /** Standard output, as the launcher found it. */
    public static Screen output() {
        return of(
                Boolean.getBoolean("iommu4j.stdout.terminal"),
                System.getProperty("iommu4j.columns", ""),
                System.getenv());
    }

    /** Standard error, as the launcher found it. */
    public static Screen error() {
        return of(
                Boolean.getBoolean("iommu4j.stderr.terminal"),
                System.getProperty("iommu4j.columns", ""),
                System.getenv());
    }

    /**
     * The screen that somebody describes.
     *
     * @param terminal false for a file or a pipe
     * @param columns the terminal's width; what is no number counts as 80
     * @param environment where NO_COLOR, whatever it is unless empty, and TERM stand
     */
    static Screen of(boolean terminal, String columns, Map<String, String> environment) {
        if (!terminal) {
            return NONE;
        }
        int width = USUAL;
        if (columns.matches("[0-9]{1,4}")) {
            width = Math.max(LEAST, Math.min(MOST, Integer.parseInt(columns)));
        }
        boolean plain = !environment.getOrDefault("NO_COLOR", "").isEmpty()
                || environment.getOrDefault("TERM", "dumb").equals("dumb");
        return new Screen(width, !plain);
    }

    /** A text in a colour, where there are any. */
    public String in(Colour colour, String text) {
        return colours ? ESCAPE + colour.code + "m" + text + ESCAPE + "0m" : text;
    }

    /**
     * A text in lines that are no longer than the width; one word may be. A command line in quotes counts as one word, so that it
     * can be copied.
     *
     * @param width in characters
     */
    public static List<String> wrapped(String text, int width) {
        if (text.length() <= width) {
            return List.of(text);
        }
        List<String> lines = new ArrayList<>();
        StringBuilder line = new StringBuilder();
        for (String word : words(text)) {
            if (!line.isEmpty() && line.length() + 1 + word.length() > width) {
                lines.add(line.toString().stripTrailing());
                line.setLength(0);
            }
            line.append(line.isEmpty() ? "" : " ").append(word);
        }
        lines.add(line.toString());
        return lines;
    }

    /** Words of a text: all that stands between blanks, a command line in quotes undivided; two blanks have an empty word between them. */
    static List<String> words(String text) {
        List<String> words = new ArrayList<>();
        boolean quoted = false;
        for (String part : text.split(" ", -1)) {
            int last = words.size() - 1;
            if (quoted) {
                words.set(last, words.get(last) + " " + part);
            } else {
                words.add(part);
            }
            int begin = part.indexOf(QUOTED_COMMAND);
            quoted = begin >= 0 ? part.indexOf('\'', begin + 1) < 0 : quoted && part.indexOf('\'') < 0;
        }
        return words;
    }
}
