package org.iommu4j.shell.text;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * A table for people: left-aligned columns under their headings, as wide as their widest cell; numbers to the right. Where the screen
 * is too narrow for that each row is a block with a line for each cell.
 */
public final class TextTable {
    private static final String GAP = "  ";

    /** A column becomes no narrower than its longest word, unless that is longer. */
    private static final int LONGEST_WORD = 14;

    private static final Pattern HEADING_WORD = Pattern.compile("[^\\s-]+-?");
    private static final Pattern NUMBER = Pattern.compile("[0-9][0-9,]*(\\.[0-9]+)?");

    private final List<String> headings;
    private final List<List<String>> rows = new ArrayList<>();

    /** An empty table with these headings. */
    public TextTable(String... headings) {
        this.headings = List.of(headings);
    }

    /**
     * Adds a row.
     *
     * @param cells one for each heading
     * @throws IllegalArgumentException if there are more or fewer cells than headings
     */
    public TextTable row(Object... cells) {
        if (cells.length != headings.size()) {
            throw new IllegalArgumentException(cells.length + " cells under " + headings.size() + " headings");
        }
        List<String> row = new ArrayList<>(cells.length);
        for (Object cell : cells) {
            row.add(oneLine(String.valueOf(cell)));
        }
        rows.add(row);
        return this;
    }

    /** The lines of the table, each ended by a newline; only the headings if there are no rows. */
    public String render() {
        return render(0);
    }

    /**
     * The same in a width: columns of text give way, the widest first, and go on in the next line at a word.
     *
     * @param most in characters; 0 for any
     */
    public String render(int most) {
        int columns = headings.size();
        int[] widths = new int[columns];
        boolean[] numeric = new boolean[columns];
        for (int column = 0; column < columns; column++) {
            widths[column] = headings.get(column).length();
            numeric[column] = !rows.isEmpty();
            for (List<String> row : rows) {
                widths[column] = Math.max(widths[column], row.get(column).length());
                numeric[column] &= isNumber(row.get(column));
            }
        }
        if (most > 0 && !narrow(widths, numeric, most) && !rows.isEmpty()) {
            return blocks(most);
        }
        StringBuilder text = new StringBuilder();
        wrapped(text, headings, widths, numeric);
        for (List<String> row : rows) {
            wrapped(text, row, widths, numeric);
        }
        return text.toString();
    }

    /** Narrows the columns; false if they do not fit even so. */
    private boolean narrow(int[] widths, boolean[] numeric, int most) {
        int[] least = new int[widths.length];
        for (int column = 0; column < widths.length; column++) {
            least[column] = numeric[column] ? widestNumber(column) : longestWord(column);
        }
        int width = GAP.length() * (widths.length - 1) + IntStream.of(widths).sum();
        while (width > most) {
            int widest = -1;
            for (int column = 0; column < widths.length; column++) {
                if (widths[column] > least[column] && (widest < 0 || widths[column] > widths[widest])) {
                    widest = column;
                }
            }
            if (widest < 0) {
                return false;
            }
            widths[widest]--;
            width--;
        }
        return true;
    }

    /** The rows as blocks, their values beside the headings. */
    private String blocks(int most) {
        int names = headings.stream().mapToInt(String::length).max().orElse(0);
        int values = Math.max(LONGEST_WORD, most - names - GAP.length());
        boolean[] numeric = new boolean[2];
        StringBuilder text = new StringBuilder();
        for (List<String> row : rows) {
            text.append(text.length() == 0 ? "" : "\n");
            for (int column = 0; column < row.size(); column++) {
                wrapped(text, List.of(headings.get(column), row.get(column)), new int[] {names, values}, numeric);
            }
        }
        return text.toString();
    }

    /** Numbers are not broken, the words of their heading are. */
    private int widestNumber(int column) {
        return Math.max(
                headingWord(column),
                rows.stream().mapToInt(row -> row.get(column).length()).max().orElse(0));
    }

    /** The longest part of a heading: it can be broken behind a hyphen, too. */
    private int headingWord(int column) {
        return HEADING_WORD
                .matcher(headings.get(column))
                .results()
                .mapToInt(word -> word.group().length())
                .max()
                .orElse(0);
    }

    /** Length of the longest word of a column, its heading's too; one that is longer than most words, as a path, can be broken. */
    private int longestWord(int column) {
        return rows.stream()
                .flatMap(row -> Screen.words(row.get(column)).stream())
                .mapToInt(word -> Math.min(LONGEST_WORD, word.length()))
                .reduce(headingWord(column), Math::max);
    }

    /** A row, in as many lines as its longest cell needs. */
    private static void wrapped(StringBuilder text, List<String> cells, int[] widths, boolean[] numeric) {
        List<List<String>> lines = new ArrayList<>();
        int count = 1;
        for (int column = 0; column < widths.length; column++) {
            lines.add(cell(cells.get(column), widths[column]));
            count = Math.max(count, lines.get(column).size());
        }
        for (int i = 0; i < count; i++) {
            List<String> line = new ArrayList<>();
            for (List<String> cell : lines) {
                line.add(i < cell.size() ? cell.get(i) : "");
            }
            line(text, line, widths, numeric);
        }
    }

    /** A cell in lines of its column; a word that is too long for one goes on in the next, behind a slash or a hyphen if it has one. */
    private static List<String> cell(String text, int width) {
        List<String> lines = new ArrayList<>();
        for (String line : Screen.wrapped(text, width)) {
            String rest = line;
            while (rest.length() > width) {
                int slash = Math.max(rest.lastIndexOf('/', width - 1), rest.lastIndexOf('-', width - 1));
                int end = slash > 0 ? slash + 1 : width;
                lines.add(rest.substring(0, end));
                rest = rest.substring(end);
            }
            lines.add(rest);
        }
        return lines;
    }

    private static void line(StringBuilder text, List<String> cells, int[] widths, boolean[] numeric) {
        StringBuilder line = new StringBuilder();
        for (int column = 0; column < widths.length; column++) {
            String cell = cells.get(column);
            String pad = " ".repeat(Math.max(0, widths[column] - cell.length()));
            line.append(column == 0 ? "" : GAP).append(numeric[column] ? pad + cell : cell + pad);
        }
        text.append(line.toString().stripTrailing()).append('\n');
    }

    private static boolean isNumber(String cell) {
        return NUMBER.matcher(cell).matches();
    }

    private static String oneLine(String cell) {
        return cell.replaceAll("\\R", " ");
    }
}
