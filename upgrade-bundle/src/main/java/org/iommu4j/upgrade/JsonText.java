package org.iommu4j.upgrade;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;

/** Writes one JSON object into a string. */
final class JsonText {
    private static final JsonFactory FACTORY = new JsonFactory();

    private JsonText() {}

    /** Fills an object. */
    @FunctionalInterface
    interface Content {
        /** Writes the fields. */
        void write(JsonGenerator out) throws IOException;
    }

    static String object(Content content) {
        StringWriter text = new StringWriter();
        try (JsonGenerator out = FACTORY.createGenerator(text)) {
            out.writeStartObject();
            content.write(out);
            out.writeEndObject();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return text.toString();
    }

    static void counts(JsonGenerator out, String name, Map<String, Long> counts) throws IOException {
        out.writeObjectFieldStart(name);
        for (Map.Entry<String, Long> entry : counts.entrySet()) {
            out.writeNumberField(entry.getKey(), entry.getValue());
        }
        out.writeEndObject();
    }

    static void tally(JsonGenerator out, String name, Tally tally) throws IOException {
        out.writeObjectFieldStart(name);
        out.writeNumberField("compared", tally.compared());
        out.writeNumberField("equal", tally.equal());
        out.writeNumberField("different", tally.different());
        out.writeEndObject();
    }

    static void texts(JsonGenerator out, String name, List<String> texts) throws IOException {
        out.writeArrayFieldStart(name);
        for (String text : texts) {
            out.writeString(text);
        }
        out.writeEndArray();
    }

    /** A number of 32 bits, unsigned: a requester. */
    static String hex(int value) {
        return hex(Integer.toUnsignedLong(value));
    }

    static String hex(long value) {
        return "0x" + Long.toHexString(value);
    }
}
