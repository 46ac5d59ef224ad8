package org.iommu4j.testbench.run;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.iommu4j.testbench.BoundedLines;

/**
 * One JSON value of a line, with the column where it stands.
 *
 * @param value a {@code Map<String, Json>}, a {@code List<Json>}, a String, a BigInteger, a Double, a Boolean, or null
 * @param column from 1
 */
record Json(Object value, int column) {
    /** Most values of a line: each takes many times the memory of its text. */
    static final int MAX_VALUES = 1 << 17;

    private static final Pattern HEX_NUMBER = Pattern.compile("0[xX][0-9a-fA-F]{1,16}");
    /** Deepest nesting of objects and lists. */
    static final int MAX_DEPTH = 64;

    private static final int HEX = 16;

    private static final JsonFactory FACTORY = JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(MAX_DEPTH)
                    .maxStringLength(BoundedLines.MAX_LINE)
                    .maxNameLength(256)
                    .maxNumberLength(32)
                    .build())
            .build();

    /**
     * The one value of a text.
     *
     * @throws Malformed if it is none
     */
    static Json parse(String text) {
        try (JsonParser parser = FACTORY.createParser(text)) {
            if (parser.nextToken() == null) {
                throw new Malformed(1, "", "no JSON value");
            }
            Json json = read(parser, new int[] {MAX_VALUES});
            if (parser.nextToken() != null) {
                throw new Malformed(column(parser.currentTokenLocation()), "", "more than one JSON value");
            }
            return json;
        } catch (JsonProcessingException e) {
            String message = e.getOriginalMessage();
            throw new Malformed(
                    column(e.getLocation()),
                    "",
                    "malformed JSON: " + message.lines().findFirst().orElse(""));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Reads a value; {@code left} has one element, how many more there may be. */
    private static Json read(JsonParser parser, int[] left) throws IOException {
        int column = column(parser.currentTokenLocation());
        if (left[0]-- == 0) {
            throw new Malformed(column, "", "more than " + MAX_VALUES + " JSON values in one line");
        }
        return switch (parser.currentToken()) {
            case START_OBJECT -> {
                Map<String, Json> fields = new LinkedHashMap<>();
                while (parser.nextToken() != JsonToken.END_OBJECT) {
                    String key = parser.currentName();
                    parser.nextToken();
                    fields.put(key, read(parser, left));
                }
                yield new Json(fields, column);
            }
            case START_ARRAY -> {
                List<Json> elements = new ArrayList<>();
                while (parser.nextToken() != JsonToken.END_ARRAY) {
                    elements.add(read(parser, left));
                }
                yield new Json(elements, column);
            }
            case VALUE_STRING -> new Json(parser.getText(), column);
            case VALUE_NUMBER_INT -> new Json(parser.getBigIntegerValue(), column);
            case VALUE_NUMBER_FLOAT -> new Json(parser.getDoubleValue(), column);
            case VALUE_TRUE -> new Json(true, column);
            case VALUE_FALSE -> new Json(false, column);
            default -> new Json(null, column);
        };
    }

    private static int column(JsonLocation location) {
        return location == null ? 0 : Math.max(0, location.getColumnNr());
    }

    /** True for JSON's null. */
    boolean isNull() {
        return value == null;
    }

    boolean isText() {
        return value instanceof String;
    }

    boolean isList() {
        return value instanceof List<?>;
    }

    boolean isObject() {
        return value instanceof Map<?, ?>;
    }

    /** True if it is written as a number: a JSON number or a string that begins with 0x. */
    boolean isNumber() {
        return value instanceof BigInteger
                || (value instanceof String text && HEX_NUMBER.matcher(text).matches());
    }

    /** A number, unsigned 64 bits. */
    long number(String key) {
        if (value instanceof BigInteger number) {
            if (number.signum() < 0 || number.bitLength() > Long.SIZE) {
                throw new Malformed(column, key, number + " is not an unsigned number of 64 bits");
            }
            return number.longValue();
        }
        if (value instanceof String text && HEX_NUMBER.matcher(text).matches()) {
            return Long.parseUnsignedLong(text.substring(2), HEX);
        }
        throw new Malformed(column, key, "not a number (a JSON number, or a string as \"0x1f\")");
    }

    /** A number of 64 bits that may be negative. */
    long signed(String key) {
        if (value instanceof BigInteger number && number.signum() < 0 && number.bitLength() < Long.SIZE) {
            return number.longValue();
        }
        return number(key);
    }

    String text(String key) {
        if (value instanceof String text) {
            return text;
        }
        throw new Malformed(column, key, "not a string");
    }

    boolean flag(String key) {
        if (value instanceof Boolean flag) {
            return flag;
        }
        throw new Malformed(column, key, "neither true nor false");
    }

    /** Bytes in memory order. */
    byte[] hex(String key) {
        String text = text(key);
        if (text.length() % 2 != 0) {
            throw new Malformed(column, key, "hex has an odd number of digits");
        }
        byte[] bytes = new byte[text.length() / 2];
        for (int i = 0; i < text.length(); i++) {
            int digit = Character.digit(text.charAt(i), HEX);
            if (digit < 0 || text.charAt(i) > 'f') {
                throw new Malformed(column, key, "'" + text.charAt(i) + "' is no hex digit");
            }
            bytes[i / 2] = (byte) (bytes[i / 2] << 4 | digit);
        }
        return bytes;
    }

    @SuppressWarnings("unchecked") // read() makes no other lists
    List<Json> list(String key) {
        if (value instanceof List<?>) {
            return (List<Json>) value;
        }
        throw new Malformed(column, key, "not a list");
    }

    @SuppressWarnings("unchecked") // read() makes no other maps
    Map<String, Json> object(String key) {
        if (value instanceof Map<?, ?>) {
            return (Map<String, Json>) value;
        }
        throw new Malformed(column, key, "not an object");
    }

    /** The value as JSON on one line. */
    String toText() {
        return write(this);
    }

    /** Writes a tree of maps, lists, strings, numbers, booleans and {@link Json} values on one line. */
    static String write(Object tree) {
        StringWriter text = new StringWriter();
        try (JsonGenerator out = FACTORY.createGenerator(text)) {
            write(out, tree);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return text.toString();
    }

    private static void write(JsonGenerator out, Object tree) throws IOException {
        if (tree instanceof Json json) {
            write(out, json.value);
        } else if (tree instanceof Map<?, ?> fields) {
            out.writeStartObject();
            for (Map.Entry<?, ?> entry : fields.entrySet()) {
                out.writeFieldName((String) entry.getKey());
                write(out, entry.getValue());
            }
            out.writeEndObject();
        } else if (tree instanceof List<?> elements) {
            out.writeStartArray();
            for (Object element : elements) {
                write(out, element);
            }
            out.writeEndArray();
        } else if (tree instanceof BigInteger number) {
            out.writeNumber(number);
        } else if (tree instanceof Double number) {
            out.writeNumber(number);
        } else if (tree instanceof Number number) {
            out.writeNumber(number.longValue());
        } else if (tree instanceof Boolean flag) {
            out.writeBoolean(flag);
        } else if (tree == null) {
            out.writeNull();
        } else {
            out.writeString(tree.toString());
        }
    }

    /** A number as answers write it. */
    static String hex(long number) {
        return "0x" + Long.toHexString(number);
    }
}
