package org.iommu4j.shell.text;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.iommu4j.backend.Conversion;
import org.iommu4j.backend.Conversion.Outcome;
import org.iommu4j.backend.Generation;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.NegotiationTable;

/**
 * Who meets whom, as a table of clients by chips: {@code =} for the same generation, else {@code lossless}, {@code widened} or
 * {@code refused}, with the number of a note that says which operations, by which rule and why.
 */
public final class NegotiationText {
    private static final String HEADING = "client \\ chip";

    private final NegotiationTable table;
    private final Map<String, Integer> notes = new LinkedHashMap<>();
    private final List<List<String>> rows = new ArrayList<>();

    /** The texts of a table. */
    public NegotiationText(NegotiationTable table) {
        this.table = table;
        for (int client = 0; client < table.clients().size(); client++) {
            List<String> row =
                    new ArrayList<>(List.of(Generation.text(table.clients().get(client))));
            for (int chip = 0; chip < table.chips().size(); chip++) {
                row.add(cell(table.cell(client, chip)));
            }
            rows.add(row);
        }
    }

    private String cell(Agreement agreement) {
        String note = note(agreement);
        return outcome(agreement) + (note.isEmpty() ? "" : " [" + number(note) + "]");
    }

    private int number(String note) {
        return notes.computeIfAbsent(note, fresh -> notes.size() + 1);
    }

    /** One word for an agreement. */
    public static String outcome(Agreement agreement) {
        return switch (agreement.kind()) {
            case EXACT -> "=";
            case REFUSED -> "refused";
            case BRIDGED ->
                switch (agreement.fidelity()) {
                    case EXACT -> "lossless";
                    case WIDENED -> "widened";
                };
        };
    }

    /** Remarks on an agreement beyond {@link #outcome}; empty if there are none. */
    public static String note(Agreement agreement) {
        if (agreement.kind() == Agreement.Kind.REFUSED) {
            return agreement.reason().split("; would work: ", 2)[0];
        }
        return agreement.operations().stream()
                .filter(operation -> operation.outcome() != Outcome.LOSSLESS)
                .map(NegotiationText::operation)
                .collect(Collectors.joining("; "));
    }

    private static String operation(Conversion operation) {
        String by = operation.step();
        if (operation.rule() != null) {
            by += (by.isEmpty() ? "" : ", ") + (operation.rule().name() + " " + operation.field()).strip();
        }
        return outcome(operation) + " " + operation.operation() + (by.isEmpty() ? "" : " (" + by + ")")
                + (operation.why().isEmpty() ? "" : ": " + operation.why());
    }

    /** One word for the outcome of an operation. */
    public static String outcome(Conversion operation) {
        return switch (operation.outcome()) {
            case LOSSLESS -> "lossless";
            case WIDENED -> "widened";
            case REFUSED -> "refused";
        };
    }

    /**
     * The table for a screen, and its notes.
     *
     * @param width in characters; 0 for any
     */
    public String text(int width) {
        List<String> headings = headings();
        TextTable text = new TextTable(headings.toArray(String[]::new));
        rows.forEach(row -> text.row(row.toArray()));
        StringBuilder all =
                new StringBuilder(table.model().label() + ": " + table.backend() + "\n\n" + text.render(width));
        notes.forEach((note, number) -> all.append(number == 1 ? "\n" : "")
                .append('[')
                .append(number)
                .append("]  ")
                .append(note)
                .append('\n'));
        return all.toString();
    }

    /** The table for a document, and its notes. */
    public String markdown() {
        StringBuilder all = new StringBuilder();
        line(all, headings());
        all.append("|---".repeat(table.chips().size() + 1)).append("|\n");
        rows.forEach(row -> line(all, row));
        notes.forEach((note, number) -> all.append(number == 1 ? "\n" : "")
                .append(number)
                .append(". ")
                .append(note)
                .append('\n'));
        return all.toString();
    }

    private List<String> headings() {
        List<String> headings = new ArrayList<>(List.of(HEADING));
        table.chips().stream().map(Generation::text).forEach(headings::add);
        return headings;
    }

    private static void line(StringBuilder all, List<String> cells) {
        all.append("| ").append(String.join(" | ", cells)).append(" |\n");
    }
}
