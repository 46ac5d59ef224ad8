package org.iommu4j.upgrade;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** A {@link RecordResult} as text and as JSON. */
final class RecordReport {
    private RecordReport() {}

    static String text(RecordResult result) {
        StringBuilder text = new StringBuilder();
        text.append(result.file())
                .append(": recorded with ")
                .append(names(result.recordedWith()))
                .append(", played with ")
                .append(names(result.playedWith()))
                .append('\n');
        text.append(String.format(
                Locale.ROOT, "%-10s %10s %10s %10s %13s\n", "kind", "compared", "equal", "different", "not compared"));
        result.kinds()
                .forEach((kind, comparison) -> text.append(String.format(
                        Locale.ROOT,
                        "%-10s %10d %10d %10d %13d\n",
                        kind.label(),
                        comparison.compared(),
                        comparison.equal(),
                        comparison.different(),
                        comparison.left())));
        text.append(String.format(
                Locale.ROOT,
                "entries dropped: %d on both sides, %d that only the record's caches held, %d that only the player's held\n",
                result.drops().both(),
                result.drops().onlyRecorded(),
                result.drops().onlyPlayed()));
        result.notPlayed()
                .forEach((reason, count) ->
                        text.append(String.format(Locale.ROOT, "not played: %d, %s\n", count, reason)));
        for (RecordResult.Difference difference : result.differences()) {
            difference(text, difference);
        }
        for (Map.Entry<RecordResult.Kind, RecordResult.Comparison> kind :
                result.kinds().entrySet()) {
            long shown = result.differences().stream()
                    .filter(difference -> difference.kind() == kind.getKey())
                    .count();
            if (shown < kind.getValue().different()) {
                text.append(String.format(
                        Locale.ROOT,
                        "and %d more of kind %s\n",
                        kind.getValue().different() - shown,
                        kind.getKey().label()));
            }
        }
        for (String note : result.notes()) {
            text.append("note: ").append(note).append('\n');
        }
        return text.append(result.ok() ? "ok" : "NOT OK").append('\n').toString();
    }

    private static String names(List<String> backends) {
        return backends.isEmpty() ? "nothing" : String.join(" and ", backends);
    }

    private static void difference(StringBuilder text, RecordResult.Difference difference) {
        text.append("different: ").append(difference.kind().label());
        text.append(", line ").append(difference.line());
        text.append(", unit ").append(difference.unit());
        if (difference.container() >= 0) {
            text.append(" container ").append(difference.container());
        }
        text.append(", ").append(difference.what()).append('\n');
        text.append("  recorded ").append(difference.expected()).append('\n');
        text.append("  got      ").append(difference.got()).append('\n');
        for (String command : difference.explain()) {
            text.append("  ").append(command).append('\n');
        }
    }

    static String json(RecordResult result) {
        return JsonText.object(out -> {
            out.writeStringField("file", result.file());
            out.writeBooleanField("ok", result.ok());
            JsonText.texts(out, "recordedWith", result.recordedWith());
            JsonText.texts(out, "playedWith", result.playedWith());
            JsonText.counts(out, "lines", result.lines());
            out.writeObjectFieldStart("kinds");
            for (Map.Entry<RecordResult.Kind, RecordResult.Comparison> kind :
                    result.kinds().entrySet()) {
                out.writeObjectFieldStart(kind.getKey().label());
                out.writeNumberField("compared", kind.getValue().compared());
                out.writeNumberField("equal", kind.getValue().equal());
                out.writeNumberField("different", kind.getValue().different());
                out.writeNumberField("notCompared", kind.getValue().left());
                out.writeEndObject();
            }
            out.writeEndObject();
            out.writeObjectFieldStart("drops");
            out.writeNumberField("both", result.drops().both());
            out.writeNumberField("onlyRecorded", result.drops().onlyRecorded());
            out.writeNumberField("onlyPlayed", result.drops().onlyPlayed());
            out.writeEndObject();
            JsonText.counts(out, "notPlayed", result.notPlayed());
            out.writeArrayFieldStart("differences");
            for (RecordResult.Difference difference : result.differences()) {
                difference(out, difference);
            }
            out.writeEndArray();
            JsonText.texts(out, "notes", result.notes());
            if (result.cutLine() > 0) {
                out.writeNumberField("cutLine", result.cutLine());
            }
        });
    }

    private static void difference(JsonGenerator out, RecordResult.Difference difference) throws IOException {
        out.writeStartObject();
        out.writeStringField("kind", difference.kind().label());
        out.writeNumberField("line", difference.line());
        out.writeNumberField("unit", difference.unit());
        if (difference.container() >= 0) {
            out.writeNumberField("container", difference.container());
        }
        out.writeStringField("what", difference.what());
        out.writeStringField("expected", difference.expected());
        out.writeStringField("got", difference.got());
        JsonText.texts(out, "explain", difference.explain());
        out.writeEndObject();
    }
}
