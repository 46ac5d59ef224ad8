package org.iommu4j.upgrade.record;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.iommu4j.upgrade.CaptureException;

/**
 * The JSON object of one line, whose every key must be asked for. Whatever is wrong is a {@link CaptureException} that names
 * file, line, column and key.
 */
final class RecordObject {
    /** Longest line in bytes: the longest request in hex and its answer. */
    static final int MAX_LINE = 1 << 20;

    private static final int MAX_KEYS = 64;
    private static final int MAX_ELEMENTS = 4096;
    private static final int MAX_NAME = 256;
    private static final int MAX_DEPTH = 4;
    private static final int MAX_NUMBER = 32;
    private static final Pattern HEX = Pattern.compile("0x[0-9a-fA-F]{1,16}");
    private static final Pattern BYTES = Pattern.compile("(?:[0-9a-f]{2})*");

    private static final JsonFactory FACTORY = JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            // Keys come from files: neither interned nor kept.
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(MAX_DEPTH)
                    .maxStringLength(MAX_LINE)
                    .maxNameLength(MAX_NAME)
                    .maxNumberLength(MAX_NUMBER)
                    .build())
            .build();

    private final String file;
    private final long line;
    private final Map<String, Object> values = new LinkedHashMap<>();
    private final Map<String, Integer> columns = new LinkedHashMap<>();
    private final Set<String> unread = new HashSet<>();

    /** Parses a line. */
    RecordObject(String file, long line, byte[] bytes, int length) {
        this.file = file;
        this.line = line;
        try (JsonParser parser = FACTORY.createParser(bytes, 0, length)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw malformed(parser, "", "not a JSON object");
            }
            while (parser.nextToken() != JsonToken.END_OBJECT) {
                String key = parser.currentName();
                if (values.size() == MAX_KEYS) {
                    throw malformed(parser, key, "more than " + MAX_KEYS + " keys");
                }
                parser.nextToken();
                columns.put(key, column(parser.currentTokenLocation()));
                values.put(key, value(parser, key));
                // Keys of others may stand everywhere.
                if (!key.startsWith("x-")) {
                    unread.add(key);
                }
            }
            if (parser.nextToken() != null) {
                throw malformed(parser, "", "more than one JSON object");
            }
        } catch (JsonProcessingException e) {
            // The parser counts from the line's begin, where it says which bracket is open.
            String what = e.getOriginalMessage().lines().findFirst().orElse("").replaceAll(" \\(start marker.*", "");
            throw new CaptureException(file, line, column(e.getLocation()), "", "malformed JSON: " + what, e);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Object value(JsonParser parser, String key) throws IOException {
        return switch (parser.currentToken()) {
            case VALUE_STRING -> parser.getText();
            case VALUE_NUMBER_INT -> integer(parser, key);
            case VALUE_TRUE -> true;
            case VALUE_FALSE -> false;
            case START_ARRAY -> list(parser, key);
            case START_OBJECT -> object(parser, key);
            default ->
                throw malformed(parser, key, "neither a text, a whole number, true, false, a list nor an object");
        };
    }

    private long integer(JsonParser parser, String key) throws IOException {
        return switch (parser.getNumberType()) {
            case INT, LONG -> parser.getLongValue();
            default -> throw malformed(parser, key, "number out of range");
        };
    }

    private List<Object> list(JsonParser parser, String key) throws IOException {
        List<Object> elements = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            if (elements.size() == MAX_ELEMENTS) {
                throw malformed(parser, key, "more than " + MAX_ELEMENTS + " elements");
            }
            elements.add(value(parser, key));
        }
        return elements;
    }

    private Map<String, Object> object(JsonParser parser, String key) throws IOException {
        Map<String, Object> members = new LinkedHashMap<>();
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            if (members.size() == MAX_ELEMENTS) {
                throw malformed(parser, key, "more than " + MAX_ELEMENTS + " members");
            }
            String name = parser.currentName();
            parser.nextToken();
            members.put(name, value(parser, key));
        }
        return members;
    }

    private CaptureException malformed(JsonParser parser, String key, String what) {
        return new CaptureException(file, line, column(parser.currentTokenLocation()), key, what);
    }

    private static int column(JsonLocation at) {
        return at == null ? 0 : at.getColumnNr();
    }

    /** The error for a key's value. */
    CaptureException reject(String key, String what) {
        return new CaptureException(file, line, columns.getOrDefault(key, 0), key, what);
    }

    /** Refuses the first key that nobody asked for. */
    void expectNothingMore() {
        for (String key : values.keySet()) {
            if (unread.contains(key)) {
                throw reject(key, "is not a key of such a line");
            }
        }
    }

    /** True if the key is there. */
    boolean has(String key) {
        return values.containsKey(key);
    }

    private Object value(String key) {
        if (!has(key)) {
            throw reject(key, "is missing");
        }
        unread.remove(key);
        return values.get(key);
    }

    /** A text. */
    String text(String key) {
        if (value(key) instanceof String text) {
            return text;
        }
        throw reject(key, "is not a text");
    }

    /** A text; empty if the key is absent. */
    String optionalText(String key) {
        return has(key) ? text(key) : "";
    }

    /** A truth value, or what it is if the key is absent. */
    boolean truth(String key, boolean otherwise) {
        if (!has(key)) {
            return otherwise;
        }
        if (value(key) instanceof Boolean truth) {
            return truth;
        }
        throw reject(key, "is not true or false");
    }

    /** A 64-bit number: a text with 0x, or a JSON number. */
    long number(String key) {
        return number(key, value(key));
    }

    private long number(String key, Object value) {
        if (value instanceof Long number) {
            return number;
        }
        if (value instanceof String text && HEX.matcher(text).matches()) {
            return Long.parseUnsignedLong(text, 2, text.length(), 16);
        }
        throw reject(key, "is not a number of at most 64 bits with 0x");
    }

    /** A number from {@code least} to {@code most}, signed. */
    long number(String key, long least, long most) {
        long number = number(key);
        if (number < least || number > most) {
            throw reject(key, "is not from " + least + " to " + most);
        }
        return number;
    }

    /** A 32-bit number. */
    int word(String key) {
        return (int) number(key, 0, 0xffff_ffffL);
    }

    /** The constant of an enum by its name. */
    <E extends Enum<E>> E constant(String key, Class<E> type) {
        String name = text(key);
        for (E constant : type.getEnumConstants()) {
            if (constant.name().equals(name)) {
                return constant;
            }
        }
        throw reject(key, "is no " + type.getSimpleName() + ": " + shortened(name));
    }

    /** Bytes in lower-case hex. */
    String hex(String key, int most) {
        return hex(key, text(key), most);
    }

    private String hex(String key, String text, int most) {
        if (text.length() / 2 > most || !BYTES.matcher(text).matches()) {
            throw reject(key, "is not lower-case hex of at most " + most + " bytes");
        }
        return text;
    }

    /** A list. */
    List<?> list(String key) {
        if (value(key) instanceof List<?> list) {
            return list;
        }
        throw reject(key, "is not a list");
    }

    /** A list of texts. */
    List<String> texts(String key) {
        List<String> texts = new ArrayList<>();
        for (Object element : list(key)) {
            if (!(element instanceof String text)) {
                throw reject(key, "is not a list of texts");
            }
            texts.add(text);
        }
        return texts;
    }

    /** A list of bytes in lower-case hex. */
    List<String> hexes(String key, int most) {
        List<String> texts = texts(key);
        texts.forEach(text -> hex(key, text, most));
        return texts;
    }

    /** A list of numbers. */
    List<Long> numbers(String key) {
        return numbers(key, list(key));
    }

    private List<Long> numbers(String key, List<?> list) {
        List<Long> numbers = new ArrayList<>();
        for (Object element : list) {
            numbers.add(number(key, element));
        }
        return numbers;
    }

    /** A list of pairs of numbers. */
    List<List<Long>> pairs(String key) {
        List<List<Long>> pairs = new ArrayList<>();
        for (Object element : list(key)) {
            if (!(element instanceof List<?> pair) || pair.size() != 2) {
                throw reject(key, "is not a list of pairs of numbers");
            }
            pairs.add(numbers(key, pair));
        }
        return pairs;
    }

    private Map<?, ?> object(String key) {
        if (value(key) instanceof Map<?, ?> map) {
            return map;
        }
        throw reject(key, "is not an object");
    }

    /** An object of numbers. */
    Map<String, Long> numberMap(String key) {
        return numberMap(key, object(key));
    }

    private Map<String, Long> numberMap(String key, Map<?, ?> map) {
        Map<String, Long> numbers = new LinkedHashMap<>();
        map.forEach((name, value) -> numbers.put((String) name, number(key, value)));
        return numbers;
    }

    /** An object of objects of numbers. */
    Map<String, Map<String, Long>> groups(String key) {
        Map<String, Map<String, Long>> groups = new LinkedHashMap<>();
        object(key).forEach((name, value) -> {
            if (!(value instanceof Map<?, ?> map)) {
                throw reject(key, "is not an object of objects");
            }
            groups.put((String) name, numberMap(key, map));
        });
        return groups;
    }

    /** An object of texts. */
    Map<String, String> textMap(String key) {
        Map<String, String> texts = new LinkedHashMap<>();
        object(key).forEach((name, value) -> {
            if (!(value instanceof String text)) {
                throw reject(key, "is not an object of texts");
            }
            texts.put((String) name, text);
        });
        return texts;
    }

    /** A text that may come from anywhere, for a message. */
    static String shortened(String text) {
        String clean = text.replaceAll("\\p{Cntrl}", "?");
        return "'" + (clean.length() <= 64 ? clean : clean.substring(0, 64) + "...") + "'";
    }
}
