package org.iommu4j.shell.text;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** A table for people: left-aligned columns under their headings, as wide as their widest cell; numbers to the right. */
public final class TextTable {
    private static final String GAP = "  ";
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
        StringBuilder text = new StringBuilder();
        line(text, headings, widths, numeric);
        for (List<String> row : rows) {
            line(text, row, widths, numeric);
        }
        return text.toString();
    }

    private static void line(StringBuilder text, List<String> cells, int[] widths, boolean[] numeric) {
        StringBuilder line = new StringBuilder();
        for (int column = 0; column < widths.length; column++) {
            String cell = cells.get(column);
            String pad = " ".repeat(widths[column] - cell.length());
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
