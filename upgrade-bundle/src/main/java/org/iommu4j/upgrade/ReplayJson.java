package org.iommu4j.upgrade;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.SanitizerReport;

/** A {@link ReplayResult} as JSON; addresses are strings with 0x, counts are numbers. */
final class ReplayJson {
    private ReplayJson() {}

    static String of(ReplayResult result) {
        return JsonText.object(out -> {
            out.writeStringField("dir", result.directory());
            out.writeStringField("model", result.model().label());
            out.writeStringField("subVersion", JsonText.hex(result.subVersion()));
            out.writeStringField("path", result.options().path().label());
            out.writeStringField(
                    "cache",
                    result.options().cache().name().toLowerCase(Locale.ROOT).replace('_', '-'));
            out.writeBooleanField("ok", result.ok());
            commands(out, "commands", result.commands());
            commands(out, "sources", result.sources());
            out.writeObjectFieldStart("requests");
            out.writeNumberField("sent", result.requests().sent());
            out.writeNumberField("completed", result.requests().completed());
            out.writeNumberField("widened", result.requests().widened());
            JsonText.counts(out, "refused", result.requests().refused());
            out.writeEndObject();
            JsonText.tally(out, "translations", result.translations());
            JsonText.tally(out, "registers", result.registers());
            JsonText.tally(out, "walks", result.walks());
            findings(out, result.sanitizer());
            if (!result.units().isEmpty()) {
                out.writeArrayFieldStart("units");
                for (ReplayResult.UnitResult unit : result.units()) {
                    unit(out, unit);
                }
                out.writeEndArray();
            }
            JsonText.counts(out, "records", result.records());
            JsonText.counts(out, "notModelled", result.notModelled());
            JsonText.counts(out, "notJudged", result.notJudged());
            out.writeArrayFieldStart("differences");
            for (ReplayResult.Difference difference : result.differences()) {
                difference(out, difference);
            }
            out.writeEndArray();
            JsonText.texts(out, "notes", result.notes());
        });
    }

    private static void findings(JsonGenerator out, SanitizerReport report) throws IOException {
        out.writeObjectFieldStart("findings");
        for (Map.Entry<Finding.Kind, Long> count : report.counts().entrySet()) {
            out.writeNumberField(count.getKey().name(), count.getValue());
        }
        out.writeEndObject();
    }

    private static void unit(JsonGenerator out, ReplayResult.UnitResult unit) throws IOException {
        out.writeStartObject();
        FindingJson.unit(out, unit.unit());
        out.writeStringField("subVersion", JsonText.hex(unit.subVersion()));
        JsonText.tally(out, "translations", unit.translations());
        JsonText.tally(out, "registers", unit.registers());
        JsonText.tally(out, "walks", unit.walks());
        findings(out, unit.sanitizer());
        out.writeEndObject();
    }

    private static void commands(JsonGenerator out, String name, Map<String, ReplayResult.CommandTally> commands)
            throws IOException {
        out.writeObjectFieldStart(name);
        for (Map.Entry<String, ReplayResult.CommandTally> entry : commands.entrySet()) {
            ReplayResult.CommandTally tally = entry.getValue();
            out.writeObjectFieldStart(entry.getKey());
            out.writeNumberField("decoded", tally.decoded());
            out.writeNumberField("translated", tally.translated());
            out.writeNumberField("executed", tally.executed());
            out.writeNumberField("refused", tally.refused());
            if (!tally.reasons().isEmpty()) {
                JsonText.counts(out, "reasons", tally.reasons());
            }
            out.writeEndObject();
        }
        out.writeEndObject();
    }

    private static void difference(JsonGenerator out, ReplayResult.Difference difference) throws IOException {
        out.writeStartObject();
        FindingJson.unit(out, difference.unit());
        out.writeStringField("what", difference.what());
        if (difference.t() >= 0) {
            out.writeNumberField("t", difference.t());
        }
        if (difference.requester().isPresent()) {
            out.writeStringField("dev", JsonText.hex(difference.requester().getAsInt()));
            out.writeStringField("iova", JsonText.hex(difference.address()));
        } else if (difference.what().equals("register")) {
            out.writeStringField("off", JsonText.hex(difference.address()));
        }
        out.writeStringField("expected", difference.expected());
        out.writeStringField("got", difference.got());
        steps(out, "steps", difference.steps());
        steps(out, "captured", difference.captured());
        JsonText.texts(out, "explain", difference.explain());
        out.writeEndObject();
    }

    private static void steps(JsonGenerator out, String name, List<ReplayResult.Step> steps) throws IOException {
        out.writeArrayFieldStart(name);
        for (ReplayResult.Step step : steps) {
            out.writeStartObject();
            out.writeStringField("what", step.what());
            out.writeStringField("pa", JsonText.hex(step.pa()));
            out.writeStringField("word", JsonText.hex(step.word()));
            out.writeEndObject();
        }
        out.writeEndArray();
    }
}
