package org.iommu4j.shell.text;

import java.util.stream.Collectors;
import org.iommu4j.contract.Errno;
import org.iommu4j.core.service.Explanation;

/** An explanation as people read it. */
public final class ExplanationText {
    private ExplanationText() {}

    /** Whole lines: a heading, a table for each structure, the verdict, remarks. */
    public static String of(Explanation explanation) {
        return of(explanation, Screen.NONE);
    }

    /** The same for a screen. */
    public static String of(Explanation explanation, Screen screen) {
        StringBuilder text = new StringBuilder(explanation.subject()).append('\n');
        boolean wrong = false;
        for (Explanation.Part part : explanation.parts()) {
            text.append('\n').append(part.format());
            if (part.offset() > 0) {
                text.append(", at byte ").append(part.offset());
            }
            text.append('\n');
            TextTable table = new TextTable("field", "bits", "value", "", "meaning", "section");
            for (Explanation.Line line : part.lines()) {
                wrong |= line.wrong();
                table.row(
                        line.field(),
                        line.bits(),
                        line.value(),
                        line.wrong() ? "!" : "",
                        line.meaning(),
                        part.section());
            }
            text.append(table.render(screen.width()));
        }
        candidates(text, explanation, screen);
        if (wrong) {
            text.append("\n! = reserved bits that are set, a reserved value, or the field at fault\n");
        }
        if (explanation.verdict() != null) {
            text.append('\n').append(verdict(explanation.verdict())).append('\n');
        }
        if (!explanation.notes().isEmpty()) {
            text.append('\n');
            explanation.notes().forEach(note -> text.append(note).append('\n'));
        }
        return text.toString();
    }

    /** One line for an entry of a ring or table: what it is, and the fields that are not zero. */
    public static String line(Explanation entry) {
        if (entry.outcome() != Explanation.Outcome.EXPLAINED) {
            String fits = entry.candidates().stream()
                    .map(Explanation.Candidate::format)
                    .collect(Collectors.joining(", "));
            return (fits.isEmpty() ? entry.problem() : entry.subject() + "; it may be " + fits) + "\n";
        }
        StringBuilder text = new StringBuilder(entry.subject());
        for (Explanation.Part part : entry.parts()) {
            for (Explanation.Line line : part.lines()) {
                if (line.wrong() || !line.value().equals("0x0")) {
                    text.append(' ').append(line.field()).append('=').append(line.value());
                    text.append(line.wrong() ? "!" : "");
                }
            }
        }
        return text.append('\n').toString();
    }

    /** The verdict on one line. */
    public static String verdict(Explanation.Verdict verdict) {
        if (verdict.errno() == Errno.OK) {
            return "accepted: " + verdict.text();
        }
        StringBuilder text = new StringBuilder("refused: ").append(verdict.errno());
        if (!verdict.rule().isEmpty()) {
            text.append(" by ").append(verdict.rule());
        }
        if (!verdict.field().isEmpty()) {
            text.append(", ").append(verdict.field());
            if (verdict.offset() >= 0) {
                text.append(" at byte ").append(verdict.offset());
            }
            text.append(" = 0x").append(Long.toHexString(verdict.value()));
        }
        return text.append(": ").append(verdict.text()).toString();
    }

    private static void candidates(StringBuilder text, Explanation explanation, Screen screen) {
        if (explanation.candidates().isEmpty()) {
            return;
        }
        text.append("\nSeveral formats fit; choose one with --as:\n");
        TextTable table = new TextTable("format", "wrong", "section");
        for (Explanation.Candidate candidate : explanation.candidates()) {
            table.row(candidate.format(), candidate.wrong(), candidate.section());
        }
        text.append(table.render(screen.width()));
        text.append("wrong = reserved bits that are set and reserved values\n");
    }
}
