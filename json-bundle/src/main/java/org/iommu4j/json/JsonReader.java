package org.iommu4j.json;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** Reads texts of one JSON value each, within bounds. An object that has a key twice is refused. May be shared by threads. */
public final class JsonReader {
    private static final int MAX_NAME = 256;
    private static final int MAX_DIGITS = 32;

    /** Characters that would break a line of a message. */
    private static final Pattern CONTROL = Pattern.compile("[\\p{Cntrl}\\u0085\\u2028\\u2029]");

    /** The parser's own text about the place of an open bracket; the error has its line and column already. */
    private static final Pattern START_MARKER = Pattern.compile(" \\(start marker.*");

    private final JsonBounds bounds;
    private final JsonFactory factory;

    /** A reader that refuses what exceeds the bounds. */
    public JsonReader(JsonBounds bounds) {
        this.bounds = bounds;
        factory = JsonFactory.builder()
                .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                // Keys come from files: neither interned nor kept.
                .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
                .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
                .streamReadConstraints(StreamReadConstraints.builder()
                        .maxNestingDepth(bounds.depth())
                        .maxStringLength(bounds.stringLength())
                        .maxNameLength(MAX_NAME)
                        .maxNumberLength(MAX_DIGITS)
                        .build())
                .build();
    }

    /**
     * The one value of a text.
     *
     * @throws JsonException if it is none, or exceeds the bounds
     */
    public Json read(String text) {
        return read(() -> factory.createParser(text));
    }

    /**
     * The one value of a text in UTF-8, or another encoding that JSON knows by its first bytes.
     *
     * @param length bytes of the text, from the array's first one
     * @throws JsonException if it is none, or exceeds the bounds
     */
    public Json read(byte[] bytes, int length) {
        return read(() -> factory.createParser(bytes, 0, length));
    }

    @FunctionalInterface
    private interface Source {
        JsonParser open() throws IOException;
    }

    private Json read(Source source) {
        try (JsonParser parser = source.open()) {
            if (parser.nextToken() == null) {
                throw new JsonException(1, 1, "", "no JSON value", null);
            }
            Json json = new Values(parser).read("", bounds.keys());
            if (parser.nextToken() != null) {
                throw wrong(parser, "", "more than one JSON value");
            }
            return json;
        } catch (JsonProcessingException e) {
            throw new JsonException(
                    line(e.getLocation()),
                    column(e.getLocation()),
                    "",
                    "malformed JSON: "
                            + START_MARKER
                                    .matcher(oneLine(e.getOriginalMessage()))
                                    .replaceAll(""),
                    e);
        } catch (IOException e) {
            // Bytes that are no text in the encoding that they begin with.
            throw new JsonException(0, 0, "", "malformed text: " + oneLine(e.getMessage()), e);
        }
    }

    /** The values of one text. */
    private final class Values {
        private final JsonParser parser;
        private int count;

        Values(JsonParser parser) {
            this.parser = parser;
        }

        /**
         * The value at which the parser stands.
         *
         * @param key of the outermost object's value that it is part of, for messages
         * @param most keys, if it is an object
         */
        Json read(String key, int most) throws IOException {
            int line = line(parser.currentTokenLocation());
            int column = column(parser.currentTokenLocation());
            if (count == bounds.values()) {
                throw wrong(parser, "", "more than " + bounds.values() + " JSON values in one line");
            }
            count++;
            Object value = switch (parser.currentToken()) {
                case START_OBJECT -> object(key, most);
                case START_ARRAY -> list(key);
                case VALUE_STRING -> parser.getText();
                case VALUE_NUMBER_INT -> parser.getBigIntegerValue();
                case VALUE_NUMBER_FLOAT -> parser.getDoubleValue();
                case VALUE_TRUE -> true;
                case VALUE_FALSE -> false;
                default -> null;
            };
            return new Json(value, line, column);
        }

        private Map<String, Json> object(String key, int most) throws IOException {
            Map<String, Json> fields = new LinkedHashMap<>();
            while (parser.nextToken() != JsonToken.END_OBJECT) {
                String name = parser.currentName();
                String outermost = key.isEmpty() ? name : key;
                if (fields.size() == most) {
                    throw wrong(parser, outermost, "more than " + most + " keys");
                }
                parser.nextToken();
                fields.put(name, read(outermost, bounds.elements()));
            }
            return Collections.unmodifiableMap(fields);
        }

        private List<Json> list(String key) throws IOException {
            List<Json> elements = new ArrayList<>();
            while (parser.nextToken() != JsonToken.END_ARRAY) {
                if (elements.size() == bounds.elements()) {
                    throw wrong(parser, key, "more than " + bounds.elements() + " elements");
                }
                elements.add(read(key, bounds.elements()));
            }
            return Collections.unmodifiableList(elements);
        }
    }

    private static JsonException wrong(JsonParser parser, String key, String what) {
        JsonLocation at = parser.currentTokenLocation();
        return new JsonException(line(at), column(at), key, what, null);
    }

    private static int line(JsonLocation at) {
        return at == null ? 0 : Math.max(0, at.getLineNr());
    }

    private static int column(JsonLocation at) {
        return at == null ? 0 : Math.max(0, at.getColumnNr());
    }

    private static String oneLine(String message) {
        return message == null
                ? ""
                : CONTROL.matcher(message.lines().findFirst().orElse("")).replaceAll("?");
    }
}
