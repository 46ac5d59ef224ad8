package org.iommu4j.shell.text;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;

/** The files that were written of a release, as JSON. */
public final class FixturesJson {
    private static final JsonFactory FACTORY = new JsonFactory();

    private FixturesJson() {}

    /**
     * The object on one line.
     *
     * @param jar the release
     * @param dir folder of its fixtures
     * @param about what is there now, as a sentence
     */
    public static String of(String jar, String dir, String about) {
        StringWriter text = new StringWriter();
        try (JsonGenerator out = FACTORY.createGenerator(text)) {
            out.writeStartObject();
            out.writeStringField("jar", jar);
            out.writeStringField("dir", dir);
            out.writeStringField("about", about);
            out.writeEndObject();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return text.toString();
    }
}
