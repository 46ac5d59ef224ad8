package org.iommu4j.shell.text;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.TreeSet;
import org.iommu4j.backend.Conversion;
import org.iommu4j.backend.Generation;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.NegotiationTable;
import org.iommu4j.core.service.Offer;

/** Agreements as data: one JSON object a model. Generations are texts, as {@code 0x0110}. */
public final class NegotiationJson {
    private static final JsonFactory FACTORY = new JsonFactory();

    private NegotiationJson() {}

    /**
     * The object on one line.
     *
     * @param offered agreements of one offer with each chip; empty if nothing was offered
     */
    public static String of(NegotiationTable table, List<Agreement> offered) {
        StringWriter text = new StringWriter();
        try (JsonGenerator out = FACTORY.createGenerator(text)) {
            out.writeStartObject();
            out.writeStringField("model", table.model().label());
            out.writeStringField("backend", table.backend());
            subVersions("clients", table.clients(), out);
            subVersions("chips", table.chips(), out);
            agreements("cells", table.cells(), out);
            agreements("offered", offered, out);
            out.writeEndObject();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return text.toString();
    }

    private static void subVersions(String name, List<Integer> subVersions, JsonGenerator out) throws IOException {
        out.writeArrayFieldStart(name);
        for (int subVersion : subVersions) {
            out.writeString(Generation.text(subVersion));
        }
        out.writeEndArray();
    }

    private static void agreements(String name, List<Agreement> agreements, JsonGenerator out) throws IOException {
        out.writeArrayFieldStart(name);
        for (Agreement agreement : agreements) {
            out.writeStartObject();
            out.writeStringField("client", Generation.text(agreement.clientSubVersion()));
            out.writeStringField("chip", Generation.text(agreement.hostSubVersion()));
            out.writeStringField("outcome", NegotiationText.outcome(agreement));
            texts("shims", agreement.shims(), out);
            out.writeArrayFieldStart("operations");
            for (Conversion operation : agreement.operations()) {
                operation(operation, out);
            }
            out.writeEndArray();
            out.writeStringField("reason", agreement.reason());
            out.writeObjectFieldStart("offer");
            offer(agreement.offer(), out);
            out.writeEndObject();
            texts("features", new TreeSet<>(agreement.features()), out);
            out.writeArrayFieldStart("wouldWork");
            for (Offer offer : agreement.wouldWork()) {
                out.writeStartObject();
                offer(offer, out);
                out.writeEndObject();
            }
            out.writeEndArray();
            out.writeEndObject();
        }
        out.writeEndArray();
    }

    private static void operation(Conversion operation, JsonGenerator out) throws IOException {
        out.writeStartObject();
        out.writeStringField("operation", operation.operation());
        out.writeStringField("outcome", NegotiationText.outcome(operation));
        out.writeStringField("step", operation.step());
        out.writeStringField("why", operation.why());
        if (operation.rule() != null) {
            out.writeStringField("rule", operation.rule().name());
            out.writeStringField("field", operation.field());
        }
        out.writeEndObject();
    }

    private static void offer(Offer offer, JsonGenerator out) throws IOException {
        out.writeStringField("oldest", Generation.text(offer.oldest()));
        out.writeStringField("newest", Generation.text(offer.newest()));
        texts("required", new TreeSet<>(offer.required()), out);
        texts("optional", new TreeSet<>(offer.optional()), out);
        if (offer.image() != null) {
            out.writeStringField("image", offer.image().label());
        }
    }

    private static void texts(String name, Iterable<String> texts, JsonGenerator out) throws IOException {
        out.writeArrayFieldStart(name);
        for (String text : texts) {
            out.writeString(text);
        }
        out.writeEndArray();
    }
}
