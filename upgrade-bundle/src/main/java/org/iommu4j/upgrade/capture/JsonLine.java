package org.iommu4j.upgrade.capture;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.iommu4j.upgrade.CaptureException;

/**
 * One JSON object with typed access to its values: flat, but that a whole file may have lists of flat objects. Reused from
 * line to line. Whatever is wrong is a {@link CaptureException} that names file, line, column and key.
 */
final class JsonLine {
    /** Most keys of an object. */
    static final int MAX_KEYS = 64;

    /** Most elements of a list. */
    static final int MAX_ELEMENTS = 1024;

    private static final Pattern HEX = Pattern.compile("0x[0-9a-fA-F]{1,16}");

    /** Characters that would break a line of a message. */
    private static final Pattern CONTROL = Pattern.compile("[\\p{Cntrl}\\u0085\\u2028\\u2029]");

    /** Stands for an object or a nested list, which no record of the format needs. */
    private static final Object NESTED = new Object();

    /** Stands for a number that nothing can hold; an error only where it is needed. */
    private static final Object TOO_LARGE = new Object();

    private static final JsonFactory FACTORY = JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            // Keys come from files: neither interned nor kept.
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(16)
                    .maxStringLength(LineReader.MAX_LINE_BYTES)
                    .maxNameLength(256)
                    .maxNumberLength(32)
                    .build())
            .build();

    private final String[] keys = new String[MAX_KEYS];
    private final Object[] values = new Object[MAX_KEYS];
    private final int[] columns = new int[MAX_KEYS];
    private int count;
    private String file = "";
    private long lineNumber;

    /** Parses the line at which a reader stands. */
    void parse(LineReader reader) {
        parse(reader.file(), reader.lineNumber(), reader.line(), reader.length());
    }

    /**
     * Parses one object.
     *
     * @param fromFile name for messages
     * @param atLine number for messages; 0 if the object is the whole file
     */
    void parse(String fromFile, long atLine, byte[] bytes, int length) {
        file = fromFile;
        lineNumber = atLine;
        count = 0;
        try (JsonParser parser = FACTORY.createParser(bytes, 0, length)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw malformed(parser, "", "not a JSON object");
            }
            fill(parser);
            if (parser.nextToken() != null) {
                throw malformed(parser, "", "more than one JSON object");
            }
        } catch (JsonProcessingException e) {
            throw new CaptureException(
                    file,
                    line(e.getLocation()),
                    column(e.getLocation()),
                    "",
                    "malformed JSON: " + firstLine(e.getOriginalMessage()),
                    e);
        } catch (IOException e) {
            // Bytes that are no text in the encoding that they begin with.
            throw new CaptureException(file, lineNumber, 0, "", "malformed text: " + firstLine(e.getMessage()), e);
        }
    }

    private void fill(JsonParser parser) throws IOException {
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            String key = parser.currentName();
            if (count == MAX_KEYS) {
                throw malformed(parser, key, "more than " + MAX_KEYS + " keys");
            }
            parser.nextToken();
            keys[count] = key;
            columns[count] = column(parser.currentTokenLocation());
            values[count] = value(parser, key);
            count++;
        }
    }

    private Object value(JsonParser parser, String key) throws IOException {
        return switch (parser.currentToken()) {
            case VALUE_STRING -> parser.getText();
            case VALUE_NUMBER_INT -> integer(parser);
            case VALUE_TRUE -> true;
            case VALUE_FALSE -> false;
            case VALUE_NULL -> null;
            case START_ARRAY -> list(parser, key);
            default -> {
                parser.skipChildren();
                yield NESTED;
            }
        };
    }

    private static Object integer(JsonParser parser) throws IOException {
        return switch (parser.getNumberType()) {
            case INT, LONG -> parser.getLongValue();
            default -> TOO_LARGE;
        };
    }

    private Object list(JsonParser parser, String key) throws IOException {
        List<Object> elements = new ArrayList<>();
        boolean scalars = true;
        boolean objects = isWholeFile();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            if (elements.size() == MAX_ELEMENTS) {
                throw malformed(parser, key, "more than " + MAX_ELEMENTS + " elements");
            }
            boolean number = parser.currentToken() == JsonToken.VALUE_NUMBER_INT;
            scalars &= number || parser.currentToken() == JsonToken.VALUE_STRING;
            objects &= parser.currentToken() == JsonToken.START_OBJECT;
            if (objects) {
                JsonLine element = new JsonLine();
                element.file = file;
                element.lineNumber = line(parser.currentTokenLocation());
                element.fill(parser);
                elements.add(element);
            } else {
                parser.skipChildren();
                elements.add(number ? integer(parser) : parser.getText());
            }
        }
        return scalars || objects ? elements : NESTED;
    }

    /** Only whole files have lists of objects, and these have none in turn. */
    private boolean isWholeFile() {
        return lineNumber == 0;
    }

    private CaptureException malformed(JsonParser parser, String key, String what) {
        JsonLocation at = parser.currentTokenLocation();
        return new CaptureException(file, line(at), column(at), key, what);
    }

    private long line(JsonLocation at) {
        return lineNumber != 0 || at == null ? lineNumber : at.getLineNr();
    }

    private static int column(JsonLocation at) {
        return at == null ? 0 : at.getColumnNr();
    }

    private static String firstLine(String message) {
        return message == null
                ? ""
                : CONTROL.matcher(message.lines().findFirst().orElse("")).replaceAll("?");
    }

    /** True if the key is there, whatever its value. */
    boolean has(String key) {
        return index(key) >= 0;
    }

    /** True if the key is absent or null. */
    boolean isNull(String key) {
        int index = index(key);
        return index < 0 || values[index] == null;
    }

    /** A text. */
    String text(String key) {
        if (value(key) instanceof String text) {
            return text;
        }
        throw reject(key, "is not a text");
    }

    /** A name of at most so many characters; a number counts as its digits. */
    String name(String key, int mostCharacters) {
        String name = isNumber(value(key)) ? Long.toUnsignedString(number(key)) : text(key);
        if (name.isEmpty() || name.length() > mostCharacters) {
            throw reject(key, "is not a name of 1 to " + mostCharacters + " characters");
        }
        return name;
    }

    /** True if the value is a text. */
    boolean isText(String key) {
        return value(key) instanceof String;
    }

    /** A truth value. */
    boolean truth(String key) {
        if (value(key) instanceof Boolean truth) {
            return truth;
        }
        throw reject(key, "is not true or false");
    }

    /** A 64-bit number: a text with 0x, or a JSON number. */
    long number(String key) {
        Object value = value(key);
        if (value == TOO_LARGE) {
            throw reject(key, "number out of range");
        }
        if (!isNumber(value)) {
            throw reject(key, "is not a number of at most 64 bits with 0x");
        }
        return number(value);
    }

    private static long number(Object value) {
        return value instanceof String text ? Long.parseUnsignedLong(text, 2, text.length(), 16) : (Long) value;
    }

    /** A number from {@code least} to {@code most}, signed. */
    long number(String key, long least, long most) {
        long number = number(key);
        if (number < least || number > most) {
            throw reject(key, "is not from " + least + " to " + most);
        }
        return number;
    }

    /** Every key whose value is a number: a text with 0x, or a JSON number. */
    Map<String, Long> numbers() {
        Map<String, Long> numbers = new HashMap<>();
        for (int i = 0; i < count; i++) {
            if (isNumber(values[i])) {
                numbers.put(keys[i], number(keys[i]));
            }
        }
        return numbers;
    }

    private static boolean isNumber(Object value) {
        return value instanceof Long
                || (value instanceof String text && HEX.matcher(text).matches());
    }

    /** 64-bit words. */
    long[] words(String key) {
        if (!(value(key) instanceof List<?> list) || list.isEmpty()) {
            throw reject(key, "is not a list of numbers with 0x");
        }
        long[] words = new long[list.size()];
        for (int i = 0; i < words.length; i++) {
            Object element = list.get(i);
            if (!isNumber(element)) {
                throw reject(key, "is not a list of numbers with 0x");
            }
            words[i] = number(element);
        }
        return words;
    }

    /** A list of objects. */
    List<JsonLine> objects(String key) {
        List<JsonLine> objects = new ArrayList<>();
        if (!(value(key) instanceof List<?> list)) {
            throw reject(key, "is not a list of objects");
        }
        for (Object element : list) {
            if (!(element instanceof JsonLine object)) {
                throw reject(key, "is not a list of objects");
            }
            objects.add(object);
        }
        return objects;
    }

    /** Bytes in hex, from {@code least} to {@code most} of them. */
    byte[] bytes(String key, int least, int most) {
        String text = text(key);
        if (text.length() % 2 != 0 || text.length() / 2 < least || text.length() / 2 > most) {
            throw reject(key, "is not hex of " + (least == most ? "" + most : least + " to " + most) + " bytes");
        }
        try {
            return HexFormat.of().parseHex(text);
        } catch (IllegalArgumentException e) {
            throw reject(key, "is not hex digits");
        }
    }

    /** The error for a key's value. */
    CaptureException reject(String key, String what) {
        int index = index(key);
        return new CaptureException(file, lineNumber, index < 0 ? 0 : columns[index], key, what);
    }

    private int index(String key) {
        for (int i = 0; i < count; i++) {
            if (keys[i].equals(key)) {
                return i;
            }
        }
        return -1;
    }

    private Object value(String key) {
        int index = index(key);
        if (index < 0) {
            throw reject(key, "is missing");
        }
        return values[index];
    }
}
