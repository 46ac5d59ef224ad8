package org.iommu4j.upgrade;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.iommu4j.backend.Finding;

/** An {@link UpgradeResult} as text and as JSON. */
final class UpgradeReport {
    private static final double NANOS_PER_MILLI = 1e6;

    private UpgradeReport() {}

    static String text(UpgradeResult result) {
        StringBuilder text = new StringBuilder();
        UpgradeResult.Swaps swaps = result.swaps();
        row(text, "model", result.model().label());
        row(text, "versions", "released " + result.released() + ", built " + result.built());
        if (!result.releasedSha256().isEmpty()) {
            row(text, "released jar, SHA-256", result.releasedSha256());
            row(text, "built jar, SHA-256", result.builtSha256());
        }
        row(
                text,
                "guest",
                String.format(
                        Locale.ROOT,
                        "%s, replayed %d times in %.1f s",
                        result.capture(),
                        result.replays(),
                        result.seconds()));
        row(text, "requests sent", number(result.requests().sent()));
        row(
                text,
                "completed exactly once",
                number(result.exactlyOnce() - result.requests().refusedTotal()));
        row(text, "refused", number(result.requests().refusedTotal()) + reasons(result));
        row(
                text,
                "lost, doubled, reordered",
                number(result.lost()) + ", " + number(result.doubled()) + ", " + number(result.reordered()));
        row(
                text,
                "translations",
                number(result.translations().compared()) + " compared with the capture, "
                        + number(result.translations().equal()) + " equal, "
                        + number(result.translations().different()) + " different");
        result.notJudged()
                .forEach((reason, count) -> row(text, "translations not judged", number(count) + ": " + reason));
        row(
                text,
                "other device accesses",
                number(result.accesses()) + " checked, " + number(result.blocked()) + " blocked");
        row(text, "stale uses", number(result.stale()));
        row(
                text,
                "findings",
                result.findings().counts().isEmpty()
                        ? "none"
                        : result.findings().counts().entrySet().stream()
                                .map(count -> number(count.getValue()) + " " + count.getKey())
                                .collect(Collectors.joining(", ")));
        row(
                text,
                "swaps",
                swaps.done() + " (" + swaps.sideBySide() + " side by side, " + swaps.inPlace() + " in place), "
                        + swaps.failed() + " failed");
        row(text, "pause side by side", times(swaps.pausesBeside()));
        row(text, "pause in place", times(swaps.pausesInPlace()));
        row(text, "requests of the load", times(swaps.requests()) + "; " + number(swaps.parked()) + " parked");
        for (String problem : result.problems()) {
            row(text, "problem", problem);
        }
        row(text, "result", result.ok() ? "ok" : "NOT OK");
        return text.toString();
    }

    private static String times(Times times) {
        return times.n() == 0
                ? "none"
                : String.format(
                        Locale.ROOT,
                        "p50 %.3f ms, p99 %.3f ms, max %.3f ms, of %,d",
                        times.p50() / NANOS_PER_MILLI,
                        times.p99() / NANOS_PER_MILLI,
                        times.max() / NANOS_PER_MILLI,
                        times.n());
    }

    private static void times(JsonGenerator out, String name, Times times) throws IOException {
        out.writeObjectFieldStart(name);
        out.writeNumberField("p50", times.p50());
        out.writeNumberField("p99", times.p99());
        out.writeNumberField("max", times.max());
        out.writeNumberField("n", times.n());
        out.writeEndObject();
    }

    private static void row(StringBuilder text, String name, String value) {
        text.append(String.format(Locale.ROOT, "%-26s%s\n", name, value));
    }

    private static String number(long value) {
        return String.format(Locale.ROOT, "%,d", value);
    }

    private static String reasons(UpgradeResult result) {
        if (result.requests().refused().isEmpty()) {
            return "";
        }
        StringBuilder text = new StringBuilder(" (");
        String separator = "";
        for (Map.Entry<String, Long> entry : result.requests().refused().entrySet()) {
            text.append(separator).append(entry.getKey()).append(' ').append(number(entry.getValue()));
            separator = ", ";
        }
        return text.append("; ")
                .append(number(result.deliberate()))
                .append(" of them sent to be refused)")
                .toString();
    }

    static String json(UpgradeResult result) {
        return JsonText.object(out -> {
            UpgradeResult.Swaps swaps = result.swaps();
            out.writeStringField("model", result.model().label());
            out.writeStringField("released", result.released());
            out.writeStringField("releasedSha256", result.releasedSha256());
            out.writeStringField("built", result.built());
            out.writeStringField("builtSha256", result.builtSha256());
            out.writeStringField("capture", result.capture());
            out.writeNumberField("seconds", result.seconds());
            out.writeNumberField("replays", result.replays());
            out.writeBooleanField("ok", result.ok());
            out.writeObjectFieldStart("requests");
            out.writeNumberField("sent", result.requests().sent());
            out.writeNumberField(
                    "completedExactlyOnce",
                    result.exactlyOnce() - result.requests().refusedTotal());
            out.writeNumberField("widened", result.requests().widened());
            JsonText.counts(out, "refused", result.requests().refused());
            out.writeNumberField("refusedOnPurpose", result.deliberate());
            out.writeNumberField("lost", result.lost());
            out.writeNumberField("doubled", result.doubled());
            out.writeNumberField("reordered", result.reordered());
            out.writeEndObject();
            JsonText.tally(out, "translations", result.translations());
            JsonText.counts(out, "notJudged", result.notJudged());
            out.writeObjectFieldStart("accesses");
            out.writeNumberField("checked", result.accesses());
            out.writeNumberField("stale", result.stale());
            out.writeNumberField("blocked", result.blocked());
            out.writeEndObject();
            out.writeObjectFieldStart("swaps");
            out.writeNumberField("done", swaps.done());
            out.writeNumberField("sideBySide", swaps.sideBySide());
            out.writeNumberField("inPlace", swaps.inPlace());
            out.writeNumberField("failed", swaps.failed());
            out.writeNumberField("parked", swaps.parked());
            times(out, "pauseNanos", swaps.pauses());
            times(out, "sideBySidePauseNanos", swaps.pausesBeside());
            times(out, "inPlacePauseNanos", swaps.pausesInPlace());
            times(out, "requestNanos", swaps.requests());
            out.writeNumberField("longestRequestNanos", swaps.requests().max());
            out.writeEndObject();
            out.writeObjectFieldStart("findings");
            for (Map.Entry<Finding.Kind, Long> count :
                    result.findings().counts().entrySet()) {
                out.writeNumberField(count.getKey().name(), count.getValue());
            }
            out.writeEndObject();
            out.writeArrayFieldStart("problems");
            for (String problem : result.problems()) {
                out.writeString(problem);
            }
            out.writeEndArray();
        });
    }
}
