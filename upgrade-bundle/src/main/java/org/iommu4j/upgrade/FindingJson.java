package org.iommu4j.upgrade;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.util.List;
import org.iommu4j.backend.Finding;

/** A {@link Finding} as JSON; addresses and table words are strings with 0x, times, places and counts are numbers. */
public final class FindingJson {
    private FindingJson() {}

    /**
     * The case that led to a finding.
     *
     * @param id its name
     * @param file where it stands
     * @param line in that file, counted from 1
     */
    public record Case(String id, String file, long line) {}

    /** One JSON object without line ends. */
    public static String of(Finding finding) {
        return of(null, finding, List.of());
    }

    /**
     * The same with command lines that decode what it is about.
     *
     * @param unit the unit of the captured machine on which it was found; empty if the machine has one
     */
    static String ofUnit(String unit, Finding finding, List<String> explain) {
        return JsonText.object(out -> {
            unit(out, unit);
            finding(out, finding, explain);
        });
    }

    /** Says of which unit of a captured machine something is; nothing if the machine has one. */
    static void unit(JsonGenerator out, String unit) throws IOException {
        if (!unit.isEmpty()) {
            out.writeStringField("unit", unit);
        }
    }

    /**
     * The same with the case that led to it, and with command lines that decode what it is about.
     *
     * @param from the case, or null
     */
    public static String of(Case from, Finding finding, List<String> explain) {
        return JsonText.object(out -> {
            if (from != null) {
                out.writeStringField("case", from.id());
                out.writeStringField("file", from.file());
                out.writeNumberField("line", from.line());
            }
            finding(out, finding, explain);
        });
    }

    private static void finding(JsonGenerator out, Finding finding, List<String> explain) throws IOException {
        out.writeStringField("kind", finding.kind().name());
        out.writeNumberField("count", finding.count());
        out.writeNumberField("at", finding.at());
        place(out, finding.place());
        if (finding.kind() == Finding.Kind.SUPERFLUOUS) {
            out.writeNumberField("cost", finding.cost());
        }
        if (finding.hasRequester()) {
            out.writeStringField("dev", JsonText.hex(finding.requester()));
            if (finding.pasid() >= 0) {
                out.writeStringField("pasid", JsonText.hex(finding.pasid()));
            }
            out.writeStringField("iova", JsonText.hex(finding.iova()));
        }
        if (finding.edit() != null) {
            edit(out, finding.edit());
        }
        if (finding.fill() != null) {
            fill(out, finding.fill());
        }
        if (finding.command() != null) {
            out.writeObjectFieldStart("command");
            command(out, finding.command());
            out.writeEndObject();
        }
        if (finding.nearMiss() != null) {
            out.writeObjectFieldStart("nearMiss");
            out.writeStringField("text", finding.nearMiss().text());
            command(out, finding.nearMiss().command());
            out.writeEndObject();
        }
        if (finding.covering() != null) {
            out.writeStringField("covering", finding.covering());
            out.writeStringField("rule", finding.rule());
        }
        out.writeStringField("text", finding.text());
        if (!explain.isEmpty()) {
            JsonText.texts(out, "explain", explain);
        }
    }

    private static void place(JsonGenerator out, Finding.Place place) throws IOException {
        if (place.record() > 0) {
            out.writeNumberField("record", place.record());
        }
        if (place.step() >= 0) {
            out.writeNumberField("step", place.step());
        }
        if (!place.within().isEmpty()) {
            out.writeStringField("within", place.within());
        }
    }

    private static void edit(JsonGenerator out, Finding.Edit edit) throws IOException {
        out.writeObjectFieldStart("edit");
        out.writeNumberField("at", edit.at());
        place(out, edit.place());
        if (!edit.format().isEmpty()) {
            out.writeStringField("format", edit.format());
        }
        out.writeStringField("pa", JsonText.hex(edit.pa()));
        out.writeStringField("before", JsonText.hex(edit.before()));
        out.writeStringField("after", JsonText.hex(edit.after()));
        out.writeEndObject();
    }

    private static void fill(JsonGenerator out, Finding.Fill fill) throws IOException {
        out.writeObjectFieldStart("fill");
        out.writeNumberField("at", fill.at());
        place(out, fill.place());
        out.writeStringField("cache", fill.kind().label());
        out.writeStringField("tag", JsonText.hex(fill.tag()));
        if (fill.pasid() >= 0) {
            out.writeStringField("pasid", JsonText.hex(fill.pasid()));
        }
        out.writeStringField("first", JsonText.hex(fill.first()));
        out.writeStringField("length", JsonText.hex(fill.lengthBytes()));
        out.writeStringField("target", JsonText.hex(fill.target()));
        out.writeStringField("dev", JsonText.hex(fill.requester()));
        out.writeEndObject();
    }

    private static void command(JsonGenerator out, Finding.Command command) throws IOException {
        out.writeNumberField("at", command.at());
        place(out, command.place());
        if (command.completedAt() >= 0) {
            out.writeNumberField("completedAt", command.completedAt());
        }
        out.writeStringField("name", command.name());
        out.writeStringField("decoded", command.decoded());
        if (!command.bytes().isEmpty()) {
            out.writeStringField("bytes", command.bytes());
        }
        out.writeStringField("word0", JsonText.hex(command.word0()));
        out.writeStringField("word1", JsonText.hex(command.word1()));
        out.writeNumberField("due", command.due());
        out.writeNumberField("dropped", command.dropped());
    }
}
