package org.iommu4j.upgrade;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.util.List;
import org.iommu4j.backend.Finding;

/** A {@link Finding} as JSON; addresses and table words are strings with 0x, times and counts are numbers. */
public final class FindingJson {
    private FindingJson() {}

    /** One JSON object without line ends. */
    public static String of(Finding finding) {
        return of(null, finding);
    }

    /** The same with the id of the case that led to it; null for none. */
    public static String of(String caseId, Finding finding) {
        return of(caseId, finding, List.of());
    }

    /** The same with command lines that decode what it is about. */
    public static String of(String caseId, Finding finding, List<String> explain) {
        return JsonText.object(out -> {
            if (caseId != null) {
                out.writeStringField("case", caseId);
            }
            out.writeStringField("kind", finding.kind().name());
            out.writeNumberField("count", finding.count());
            out.writeNumberField("at", finding.at());
            if (finding.kind() == Finding.Kind.SUPERFLUOUS) {
                out.writeNumberField("cost", finding.cost());
            }
            if (finding.requester() >= 0) {
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
                command(out, finding.command());
            }
            if (finding.covering() != null) {
                out.writeStringField("covering", finding.covering());
                out.writeStringField("rule", finding.rule());
            }
            out.writeStringField("text", finding.text());
            if (!explain.isEmpty()) {
                JsonText.texts(out, "explain", explain);
            }
        });
    }

    private static void edit(JsonGenerator out, Finding.Edit edit) throws IOException {
        out.writeObjectFieldStart("edit");
        out.writeNumberField("at", edit.at());
        out.writeStringField("pa", JsonText.hex(edit.pa()));
        out.writeStringField("before", JsonText.hex(edit.before()));
        out.writeStringField("after", JsonText.hex(edit.after()));
        out.writeEndObject();
    }

    private static void fill(JsonGenerator out, Finding.Fill fill) throws IOException {
        out.writeObjectFieldStart("fill");
        out.writeNumberField("at", fill.at());
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
        out.writeObjectFieldStart("command");
        out.writeNumberField("at", command.at());
        if (command.completedAt() >= 0) {
            out.writeNumberField("completedAt", command.completedAt());
        }
        out.writeStringField("name", command.name());
        out.writeStringField("word0", JsonText.hex(command.word0()));
        out.writeStringField("word1", JsonText.hex(command.word1()));
        out.writeNumberField("due", command.due());
        out.writeNumberField("dropped", command.dropped());
        out.writeEndObject();
    }
}
