package org.iommu4j.shell.text;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.testbench.FuzzFailure;
import org.iommu4j.testbench.FuzzResult;

/** The sums of one kind of made-up cases, over one seed or several, as JSON. */
public final class FuzzJson {
    private static final JsonFactory FACTORY = new JsonFactory();

    private final IommuModel model;
    private final String what;
    private final int seconds;
    private final List<FuzzResult> results = new ArrayList<>();
    private final List<String> again = new ArrayList<>();

    /**
     * The result of a run.
     *
     * @param what kind of cases
     * @param seconds for each seed
     */
    public FuzzJson(IommuModel model, String what, int seconds) {
        this.model = model;
        this.what = what;
        this.seconds = seconds;
    }

    /**
     * Adds what a seed came to.
     *
     * @param command that shows its failure again; empty if it has none
     */
    public void add(FuzzResult result, String command) {
        results.add(result);
        again.add(command);
    }

    /** The object on one line. */
    public String text() {
        StringWriter text = new StringWriter();
        try (JsonGenerator out = FACTORY.createGenerator(text)) {
            out.writeStartObject();
            out.writeStringField("model", model.label());
            out.writeStringField("what", what);
            out.writeArrayFieldStart("seeds");
            for (FuzzResult result : results) {
                out.writeNumber(result.seed());
            }
            out.writeEndArray();
            out.writeNumberField("seconds", seconds);
            out.writeBooleanField("ok", results.stream().allMatch(result -> result.failure() == null));
            out.writeNumberField(
                    "cases", results.stream().mapToLong(FuzzResult::cases).sum());
            out.writeNumberField(
                    "steps", results.stream().mapToLong(FuzzResult::steps).sum());
            out.writeNumberField(
                    "accesses", results.stream().mapToLong(FuzzResult::accesses).sum());
            out.writeNumberField(
                    "compared", results.stream().mapToLong(FuzzResult::compared).sum());
            reached(out);
            out.writeArrayFieldStart("failures");
            for (int at = 0; at < results.size(); at++) {
                if (results.get(at).failure() != null) {
                    failure(out, results.get(at).failure(), again.get(at));
                }
            }
            out.writeEndArray();
            out.writeEndObject();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return text.toString();
    }

    private void reached(JsonGenerator out) throws IOException {
        Map<String, Map<String, Long>> sums = new TreeMap<>();
        for (FuzzResult result : results) {
            result.reached()
                    .forEach((group, names) -> names.forEach((name, count) ->
                            sums.computeIfAbsent(group, any -> new TreeMap<>()).merge(name, count, Long::sum)));
        }
        out.writeObjectFieldStart("reached");
        for (Map.Entry<String, Map<String, Long>> group : sums.entrySet()) {
            out.writeObjectFieldStart(group.getKey());
            for (Map.Entry<String, Long> name : group.getValue().entrySet()) {
                out.writeNumberField(name.getKey(), name.getValue());
            }
            out.writeEndObject();
        }
        out.writeEndObject();
    }

    private static void failure(JsonGenerator out, FuzzFailure failure, String command) throws IOException {
        out.writeStartObject();
        out.writeStringField("kind", failure.kind().name().toLowerCase(Locale.ROOT));
        out.writeStringField("message", failure.message());
        out.writeNumberField("seed", failure.seed());
        out.writeStringField("line", failure.line());
        out.writeArrayFieldStart("explain");
        for (String one : failure.explain()) {
            out.writeString(one);
        }
        out.writeEndArray();
        out.writeStringField("again", command);
        out.writeEndObject();
    }
}
