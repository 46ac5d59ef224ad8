package org.iommu4j.json;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * A JSON value, and where it stands in its text. What is asked of a value that it is not is a {@link JsonException}, which
 * names the key that the caller gives.
 *
 * @param value a {@code Map<String, Json>}, a {@code List<Json>}, a String, a BigInteger, a Double, a Boolean, or null
 * @param line from 1; 0 if it stands in no text
 * @param column from 1, in characters of a String and in bytes of an array; 0 if it stands in no text
 */
public record Json(Object value, int line, int column) {
    private static final Pattern HEX_NUMBER = Pattern.compile("0[xX][0-9a-fA-F]{1,16}");
    private static final int HEX = 16;
    private static final JsonFactory FACTORY = new JsonFactory();

    /** True for JSON's null. */
    public boolean isNull() {
        return value == null;
    }

    /** True for a string. */
    public boolean isText() {
        return value instanceof String;
    }

    /** True for a list. */
    public boolean isList() {
        return value instanceof List<?>;
    }

    /** True for an object. */
    public boolean isObject() {
        return value instanceof Map<?, ?>;
    }

    /** True if it is written as a number: a JSON number or a string that begins with 0x. */
    public boolean isNumber() {
        return value instanceof BigInteger
                || (value instanceof String text && HEX_NUMBER.matcher(text).matches());
    }

    /** A number, unsigned 64 bits. */
    public long number(String key) {
        if (value instanceof BigInteger number) {
            if (number.signum() < 0 || number.bitLength() > Long.SIZE) {
                throw wrong(key, number + " is not an unsigned number of 64 bits");
            }
            return number.longValue();
        }
        if (value instanceof String text && HEX_NUMBER.matcher(text).matches()) {
            return Long.parseUnsignedLong(text.substring(2), HEX);
        }
        throw wrong(key, "not a number (a JSON number, or a string as \"0x1f\")");
    }

    /** A number of 64 bits that may be negative. */
    public long signed(String key) {
        if (value instanceof BigInteger number && number.signum() < 0 && number.bitLength() < Long.SIZE) {
            return number.longValue();
        }
        return number(key);
    }

    /** A string. */
    public String text(String key) {
        if (value instanceof String text) {
            return text;
        }
        throw wrong(key, "not a string");
    }

    /** A truth value. */
    public boolean flag(String key) {
        if (value instanceof Boolean flag) {
            return flag;
        }
        throw wrong(key, "neither true nor false");
    }

    /** Bytes in memory order. */
    public byte[] hex(String key) {
        String text = text(key);
        if (text.length() % 2 != 0) {
            throw wrong(key, "hex has an odd number of digits");
        }
        byte[] bytes = new byte[text.length() / 2];
        for (int i = 0; i < text.length(); i++) {
            int digit = Character.digit(text.charAt(i), HEX);
            if (digit < 0 || text.charAt(i) > 'f') {
                throw wrong(key, "'" + text.charAt(i) + "' is no hex digit");
            }
            bytes[i / 2] = (byte) (bytes[i / 2] << 4 | digit);
        }
        return bytes;
    }

    /** The elements of a list. */
    @SuppressWarnings("unchecked") // a reader makes no other lists
    public List<Json> list(String key) {
        if (value instanceof List<?>) {
            return (List<Json>) value;
        }
        throw wrong(key, "not a list");
    }

    /** The values of an object by their keys, in their order. */
    @SuppressWarnings("unchecked") // a reader makes no other maps
    public Map<String, Json> object(String key) {
        if (value instanceof Map<?, ?>) {
            return (Map<String, Json>) value;
        }
        throw wrong(key, "not an object");
    }

    /** The error for this value under a key. */
    public JsonException wrong(String key, String what) {
        return new JsonException(line, column, key, what, null);
    }

    /** The value as JSON on one line. */
    public String toText() {
        return write(this);
    }

    /** Writes a tree of maps, lists, strings, numbers, booleans and {@link Json} values on one line. */
    public static String write(Object tree) {
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
    public static String hex(long number) {
        return "0x" + Long.toHexString(number);
    }
}
