package org.iommu4j.shell.text;

import java.util.Locale;
import org.iommu4j.core.service.OneLine;
import org.iommu4j.shell.text.Screen.Colour;
import org.iommu4j.testbench.CaseResult;
import org.iommu4j.testbench.CaseResult.Outcome;

/** A case that did not pass, on a terminal: a block in which each thing has its own line. */
public final class CaseText {
    private CaseText() {}

    /** The block, which ends with a newline. */
    public static String of(CaseResult result, Screen screen) {
        boolean failed = result.outcome() == Outcome.FAILED;
        StringBuilder text = new StringBuilder(screen.in(
                        failed ? Colour.RED : Colour.YELLOW,
                        result.outcome().name().toLowerCase(Locale.ROOT)))
                .append(' ')
                .append(OneLine.name(result.id()));
        if (!result.source().file().isEmpty()) {
            text.append("  ")
                    .append(result.source().file())
                    .append(':')
                    .append(result.source().line());
        }
        text.append(System.lineSeparator());
        if (result.step() >= 0) {
            line(text, "step", result.step() + " (" + result.op() + ")");
        }
        line(text, "reason", OneLine.message(result.reason()));
        line(text, "expected", OneLine.message(result.expected()));
        line(text, "got", OneLine.message(result.got()));
        result.differences()
                .forEach(difference -> line(text, "differs", screen.in(Colour.RED, OneLine.message(difference))));
        result.explain().forEach(command -> line(text, "explain", command));
        return text.toString();
    }

    private static void line(StringBuilder text, String label, String value) {
        if (!value.isEmpty()) {
            text.append(String.format(Locale.ROOT, "  %-9s %s%n", label, value));
        }
    }
}
