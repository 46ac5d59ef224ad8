package org.iommu4j.upgrade;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.SanitizerReport;

/** A {@link ReplayResult} for people. */
final class ReplayText {
    /** Superfluous commands that are shown: they are a waste, and there may be many. */
    private static final int SHOWN_SUPERFLUOUS = 5;

    private static final String ROW = "%-24s %9s %10s %9s %8s\n";

    private ReplayText() {}

    static String of(ReplayResult result) {
        StringBuilder text = new StringBuilder();
        text.append(String.format(
                Locale.ROOT,
                "%s: %s %s, path %s, cache %s\n",
                result.directory(),
                result.model().label(),
                Generation.text(result.subVersion()),
                result.options().path().label(),
                result.options().cache().name().toLowerCase(Locale.ROOT).replace('_', '-')));
        text.append(String.format(Locale.ROOT, ROW, "command", "decoded", "translated", "executed", "refused"));
        result.commands().forEach((kind, tally) -> row(text, kind, tally));
        result.sources().forEach((kind, tally) -> row(text, kind, tally));
        if (result.options().path() == ReplayOptions.Path.CONTRACT) {
            ReplayResult.RequestTally requests = result.requests();
            text.append(String.format(
                    Locale.ROOT,
                    "requests     %d sent, %d completed, %d of them widened, %d refused\n",
                    requests.sent(),
                    requests.completed(),
                    requests.widened(),
                    requests.refusedTotal()));
            requests.refused()
                    .forEach((reason, count) ->
                            text.append(String.format(Locale.ROOT, "  %d refused: %s\n", count, reason)));
        }
        tally(text, "translations", result.translations());
        notJudged(text, result.notJudged());
        tally(text, "registers", result.registers());
        tally(text, "walks", result.walks());
        for (ReplayResult.UnitResult unit : result.units()) {
            unit(text, unit);
        }
        if (!result.notModelled().isEmpty()) {
            text.append("not modelled ");
            String separator = "";
            for (Map.Entry<String, Long> entry : result.notModelled().entrySet()) {
                text.append(separator).append(entry.getKey()).append(' ').append(entry.getValue());
                separator = ", ";
            }
            text.append("\n");
        }
        for (ReplayResult.Difference difference : result.differences()) {
            difference(text, difference);
        }
        if (result.options().sanitized()) {
            findings(text, result);
        }
        for (String note : result.notes()) {
            text.append("note: ").append(note).append("\n");
        }
        text.append(result.ok() ? "ok" : "NOT OK").append("\n");
        return text.toString();
    }

    private static void row(StringBuilder text, String kind, ReplayResult.CommandTally tally) {
        text.append(String.format(
                Locale.ROOT, ROW, kind, tally.decoded(), tally.translated(), tally.executed(), tally.refused()));
        tally.reasons()
                .forEach((reason, count) ->
                        text.append(String.format(Locale.ROOT, "  %d refused: %s\n", count, reason)));
    }

    private static void tally(StringBuilder text, String name, Tally tally) {
        text.append(String.format(
                Locale.ROOT,
                "%-12s %d compared, %d equal, %d different\n",
                name,
                tally.compared(),
                tally.equal(),
                tally.different()));
    }

    /** Translations that could not be compared. */
    static void notJudged(StringBuilder text, Map<String, Long> notJudged) {
        notJudged.forEach(
                (reason, count) -> text.append(String.format(Locale.ROOT, "  %d not judged: %s\n", count, reason)));
    }

    /** The comparisons on one unit. */
    private static void unit(StringBuilder text, ReplayResult.UnitResult unit) {
        text.append(String.format(
                Locale.ROOT,
                "unit %s: %s, translations %s, registers %s, walks %s\n",
                unit.unit(),
                Generation.text(unit.subVersion()),
                counts(unit.translations()),
                counts(unit.registers()),
                counts(unit.walks())));
    }

    private static String counts(Tally tally) {
        return tally.equal() + " equal and " + tally.different() + " different";
    }

    private static void findings(StringBuilder text, ReplayResult result) {
        SanitizerReport report = result.sanitizer();
        text.append(String.format(
                Locale.ROOT,
                "sanitizer    %d edits, %d fills, %d invalidations, %d accesses;",
                report.edits(),
                report.fills(),
                report.commands(),
                report.accesses()));
        for (Finding.Kind kind : Finding.Kind.values()) {
            text.append(String.format(Locale.ROOT, " %s %d", kind, report.count(kind)));
        }
        text.append('\n');
        AtomicLong superfluous = new AtomicLong();
        result.forEachFinding((unit, finding) -> {
            if (finding.kind() == Finding.Kind.SUPERFLUOUS && superfluous.incrementAndGet() > SHOWN_SUPERFLUOUS) {
                return;
            }
            text.append("  ")
                    .append(unit.isEmpty() ? "" : "unit " + unit + ": ")
                    .append(finding.kind())
                    .append(' ')
                    .append(finding.count());
            if (finding.cost() > 0) {
                text.append(" (").append(finding.cost()).append(" right entries dropped)");
            }
            text.append(": ").append(finding.text()).append('\n');
            explain(text, result.findingHints().getOrDefault(finding, List.of()));
        });
        if (superfluous.get() > SHOWN_SUPERFLUOUS) {
            text.append("  and ")
                    .append(superfluous.get() - SHOWN_SUPERFLUOUS)
                    .append(" more superfluous commands: --findings has them\n");
        }
    }

    private static void difference(StringBuilder text, ReplayResult.Difference difference) {
        text.append("different: ").append(difference.what());
        if (!difference.unit().isEmpty()) {
            text.append(" unit=").append(difference.unit());
        }
        if (difference.t() >= 0) {
            text.append(" t=").append(difference.t());
        }
        if (difference.requester().isPresent()) {
            text.append(" dev=").append(JsonText.hex(difference.requester().getAsInt()));
            text.append(" iova=").append(JsonText.hex(difference.address()));
        } else if (difference.what().equals("register")) {
            text.append(" offset=").append(JsonText.hex(difference.address()));
        }
        text.append(" expected ").append(difference.expected());
        text.append(", got ").append(difference.got()).append('\n');
        steps(text, "read", difference.steps());
        steps(text, "the captured hardware read", difference.captured());
        explain(text, difference.explain());
    }

    private static void explain(StringBuilder text, List<String> commands) {
        for (String command : commands) {
            text.append("  ").append(command).append('\n');
        }
    }

    private static void steps(StringBuilder text, String who, List<ReplayResult.Step> steps) {
        for (ReplayResult.Step step : steps) {
            text.append("  ").append(who).append(' ').append(step.what());
            text.append(" at ").append(JsonText.hex(step.pa()));
            text.append(": ").append(JsonText.hex(step.word())).append('\n');
        }
    }
}
