package org.iommu4j.shell.text;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.Locale;
import org.iommu4j.core.service.Explanation;

/** An explanation as data: one JSON object. Values are texts, since they have up to 64 bits. */
public final class ExplanationJson {
    private static final JsonFactory FACTORY = new JsonFactory();

    private ExplanationJson() {}

    /** The object on one line. */
    public static String of(Explanation explanation) {
        StringWriter text = new StringWriter();
        try (JsonGenerator out = FACTORY.createGenerator(text)) {
            write(explanation, out);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return text.toString();
    }

    private static void write(Explanation explanation, JsonGenerator out) throws IOException {
        out.writeStartObject();
        out.writeStringField(
                "outcome", explanation.outcome().name().toLowerCase(Locale.ROOT).replace('_', '-'));
        if (explanation.outcome() == Explanation.Outcome.NOT_EXPLAINED) {
            out.writeStringField("problem", explanation.problem());
        } else {
            out.writeStringField("subject", explanation.subject());
        }
        out.writeArrayFieldStart("parts");
        for (Explanation.Part part : explanation.parts()) {
            part(part, out);
        }
        out.writeEndArray();
        if (explanation.verdict() != null) {
            verdict(explanation.verdict(), out);
        }
        out.writeArrayFieldStart("candidates");
        for (Explanation.Candidate candidate : explanation.candidates()) {
            out.writeStartObject();
            out.writeStringField("format", candidate.format());
            out.writeStringField("section", candidate.section());
            out.writeNumberField("wrong", candidate.wrong());
            out.writeEndObject();
        }
        out.writeEndArray();
        out.writeArrayFieldStart("notes");
        for (String note : explanation.notes()) {
            out.writeString(note);
        }
        out.writeEndArray();
        out.writeEndObject();
    }

    private static void part(Explanation.Part part, JsonGenerator out) throws IOException {
        out.writeStartObject();
        out.writeStringField("format", part.format());
        out.writeStringField("section", part.section());
        out.writeNumberField("offset", part.offset());
        out.writeArrayFieldStart("fields");
        for (Explanation.Line line : part.lines()) {
            out.writeStartObject();
            out.writeStringField("field", line.field());
            out.writeStringField("bits", line.bits());
            out.writeNumberField("offset", line.offset());
            out.writeStringField("value", line.value());
            out.writeStringField("meaning", line.meaning());
            out.writeBooleanField("wrong", line.wrong());
            out.writeEndObject();
        }
        out.writeEndArray();
        out.writeEndObject();
    }

    private static void verdict(Explanation.Verdict verdict, JsonGenerator out) throws IOException {
        out.writeObjectFieldStart("verdict");
        out.writeStringField("errno", verdict.errno().name());
        out.writeStringField("rule", verdict.rule());
        out.writeStringField("field", verdict.field());
        out.writeNumberField("offset", verdict.offset());
        out.writeStringField("value", "0x" + Long.toHexString(verdict.value()));
        out.writeStringField("text", verdict.text());
        out.writeEndObject();
    }
}
