package org.iommu4j.shell.text;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import org.iommu4j.core.service.BackendStatus;

/** Origin of a result, as a part of its JSON: when it was made, and by which program, backends and bundles. */
public final class RunJson {
    private static final JsonFactory FACTORY = new JsonFactory();
    private static final String KEY = "\"run\":";

    private RunJson() {}

    /**
     * The object on one line.
     *
     * @param date when the run began
     * @param version of the program
     * @param sha256 of the program's jar; empty if it runs from none
     * @param backends those that are there; of each model the one that serves is named
     * @param given digests of the bundles that the user gave, by file
     */
    public static String of(
            Instant date, String version, String sha256, List<BackendStatus> backends, Map<String, String> given) {
        StringWriter text = new StringWriter();
        try (JsonGenerator out = FACTORY.createGenerator(text)) {
            out.writeStartObject();
            out.writeStringField("date", date.truncatedTo(ChronoUnit.SECONDS).toString());
            out.writeStringField("iommu4j", version);
            out.writeStringField("sha256", sha256);
            out.writeStringField("java", Runtime.version().toString());
            out.writeObjectFieldStart("backends");
            for (BackendStatus backend : backends) {
                if (backend.model() != null && backend.state() == BackendStatus.State.ACTIVE) {
                    out.writeStringField(backend.model().label(), backend.version());
                }
            }
            out.writeEndObject();
            out.writeObjectFieldStart("bundles");
            for (Map.Entry<String, String> bundle : given.entrySet()) {
                out.writeStringField(bundle.getKey(), bundle.getValue());
            }
            out.writeEndObject();
            out.writeEndObject();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return text.toString();
    }

    /**
     * A result with what made it, as its last key {@code run}.
     *
     * @param json an object that is not empty
     * @param run as of {@link #of}; empty if nobody knows
     */
    public static String in(String json, String run) {
        int end = json.lastIndexOf('}');
        return run.isEmpty() || end < 0 ? json : json.substring(0, end) + "," + KEY + run + json.substring(end);
    }
}
