package org.iommu4j.upgrade.json;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.iommu4j.json.Json;
import org.iommu4j.json.JsonException;
import org.iommu4j.json.JsonReader;
import org.iommu4j.upgrade.CaptureException;

/**
 * A JSON object of a capture or a record, with typed access to its values. Whatever is wrong is a {@link CaptureException}
 * that names file, line, column and key.
 */
public final class JsonObject {
    private static final Pattern HEX = Pattern.compile("0x[0-9a-fA-F]{1,16}");
    private static final Pattern BYTES = Pattern.compile("(?:[0-9a-f]{2})*");
    private static final String FOREIGN = "x-";
    private static final int MAX_QUOTED = 64;

    private static final String NO_LIST = "is not a list";
    private static final String NO_WORDS = "is not a list of numbers with 0x";
    private static final String NO_OBJECTS = "is not a list of objects";

    private final String file;

    /** Line of the file; 0 if the text is the whole file, so that each value has its own. */
    private final long line;

    private final Map<String, Json> values;
    private final Set<String> read = new HashSet<>();

    /**
     * Parses an object.
     *
     * @param reader knows the bounds
     * @param file name for messages
     * @param line number for messages; 0 if the object is the whole file
     * @param length bytes of the text, from the array's first one
     * @throws CaptureException if it is none
     */
    public JsonObject(JsonReader reader, String file, long line, byte[] bytes, int length) {
        this.file = file;
        this.line = line;
        try {
            Json json = reader.read(bytes, length);
            if (!json.isObject()) {
                throw json.wrong("", "not a JSON object");
            }
            values = json.object("");
        } catch (JsonException e) {
            throw new CaptureException(file, line == 0 ? e.line() : line, e.column(), e.key(), e.getMessage(), e);
        }
    }

    private JsonObject(String file, long line, Map<String, Json> values) {
        this.file = file;
        this.line = line;
        this.values = values;
    }

    /** The error for a key's value. */
    public CaptureException reject(String key, String what) {
        Json value = values.get(key);
        long at = line == 0 && value != null ? value.line() : line;
        return new CaptureException(file, at, value == null ? 0 : value.column(), key, what);
    }

    /** Refuses the first key that nobody asked for; keys that begin with {@code x-} may stand everywhere. */
    public void expectNothingMore() {
        for (String key : values.keySet()) {
            if (!read.contains(key) && !key.startsWith(FOREIGN)) {
                throw reject(key, "is not a key of such a line");
            }
        }
    }

    /** True if the key is there, whatever its value. */
    public boolean has(String key) {
        return values.containsKey(key);
    }

    /** True if the key is absent or null. */
    public boolean isNull(String key) {
        Json value = values.get(key);
        return value == null || value.isNull();
    }

    /** True if the value is a text. */
    public boolean isText(String key) {
        return value(key) instanceof String;
    }

    private Object value(String key) {
        Json value = values.get(key);
        if (value == null) {
            throw reject(key, "is missing");
        }
        read.add(key);
        if (value.value() instanceof Double) {
            throw reject(key, "neither a text, a whole number, true, false, a list nor an object");
        }
        return value.value();
    }

    /** A text. */
    public String text(String key) {
        if (value(key) instanceof String text) {
            return text;
        }
        throw reject(key, "is not a text");
    }

    /** A text; empty if the key is absent. */
    public String optionalText(String key) {
        return has(key) ? text(key) : "";
    }

    /** A text of 1 to {@code most} characters. */
    public String name(String key, int most) {
        return name(key, text(key), most);
    }

    /** A name of 1 to {@code most} characters, which may be written as a number: its decimal digits then. */
    public String nameOrNumber(String key, int most) {
        return name(key, isNumber(value(key)) ? Long.toUnsignedString(number(key)) : text(key), most);
    }

    private String name(String key, String name, int most) {
        if (name.isEmpty() || name.length() > most) {
            throw reject(key, "is not a name of 1 to " + most + " characters");
        }
        return name;
    }

    /** The constant of an enum by its name. */
    public <E extends Enum<E>> E constant(String key, Class<E> type) {
        String name = text(key);
        for (E constant : type.getEnumConstants()) {
            if (constant.name().equals(name)) {
                return constant;
            }
        }
        throw reject(key, "is no " + type.getSimpleName() + ": " + shortened(name));
    }

    /** A truth value. */
    public boolean truth(String key) {
        if (value(key) instanceof Boolean truth) {
            return truth;
        }
        throw reject(key, "is not true or false");
    }

    /** A truth value, or what it is if the key is absent. */
    public boolean truth(String key, boolean otherwise) {
        return has(key) ? truth(key) : otherwise;
    }

    /** A 64-bit number: a text with 0x, or a JSON number. */
    public long number(String key) {
        return number(key, value(key));
    }

    private long number(String key, Object value) {
        if (value instanceof BigInteger number) {
            if (number.bitLength() >= Long.SIZE) {
                throw reject(key, "number out of range");
            }
            return number.longValue();
        }
        if (value instanceof String text && HEX.matcher(text).matches()) {
            return Long.parseUnsignedLong(text, 2, text.length(), 16);
        }
        throw reject(key, "is not a number of at most 64 bits with 0x");
    }

    private static boolean isNumber(Object value) {
        return value instanceof BigInteger number
                ? number.bitLength() < Long.SIZE
                : value instanceof String text && HEX.matcher(text).matches();
    }

    /** A number from {@code least} to {@code most}, signed. */
    public long number(String key, long least, long most) {
        long number = number(key);
        if (number < least || number > most) {
            throw reject(key, "is not from " + least + " to " + most);
        }
        return number;
    }

    /** A 32-bit number. */
    public int word(String key) {
        return (int) number(key, 0, 0xffff_ffffL);
    }

    /** Every key whose value is a number, with that number. */
    public Map<String, Long> numbers() {
        Map<String, Long> numbers = new LinkedHashMap<>();
        values.forEach((key, value) -> {
            if (isNumber(value.value())) {
                numbers.put(key, number(key, value.value()));
            }
        });
        return numbers;
    }

    /** Bytes in hex, from {@code least} to {@code most} of them. */
    public byte[] bytes(String key, int least, int most) {
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

    /** At most {@code most} bytes in lower-case hex, as their text. */
    public String hex(String key, int most) {
        return hex(key, text(key), most);
    }

    private String hex(String key, String text, int most) {
        if (text.length() / 2 > most || !BYTES.matcher(text).matches()) {
            throw reject(key, "is not lower-case hex of at most " + most + " bytes");
        }
        return text;
    }

    private List<Json> list(String key, String what) {
        if (value(key) instanceof List<?>) {
            return values.get(key).list(key);
        }
        throw reject(key, what);
    }

    private Map<String, Json> object(String key) {
        if (value(key) instanceof Map<?, ?>) {
            return values.get(key).object(key);
        }
        throw reject(key, "is not an object");
    }

    /** A list of texts. */
    public List<String> texts(String key) {
        return list(key, NO_LIST).stream()
                .map(element -> text(key, element, "is not a list of texts"))
                .toList();
    }

    private String text(String key, Json element, String what) {
        if (element.value() instanceof String text) {
            return text;
        }
        throw reject(key, what);
    }

    /** A list of bytes in lower-case hex, as their texts; each has at most {@code most} bytes. */
    public List<String> hexes(String key, int most) {
        List<String> texts = texts(key);
        texts.forEach(text -> hex(key, text, most));
        return texts;
    }

    /** A list of numbers. */
    public List<Long> numbers(String key) {
        return numbers(key, list(key, NO_LIST));
    }

    private List<Long> numbers(String key, List<Json> list) {
        return list.stream().map(element -> number(key, element.value())).toList();
    }

    /** A list of pairs of numbers. */
    public List<List<Long>> pairs(String key) {
        List<List<Long>> pairs = new ArrayList<>();
        for (Json element : list(key, NO_LIST)) {
            if (!element.isList() || element.list(key).size() != 2) {
                throw reject(key, "is not a list of pairs of numbers");
            }
            pairs.add(numbers(key, element.list(key)));
        }
        return pairs;
    }

    /** A list of at least one 64-bit word. */
    public long[] words(String key) {
        List<Json> list = list(key, NO_WORDS);
        if (list.isEmpty() || !list.stream().allMatch(element -> isNumber(element.value()))) {
            throw reject(key, NO_WORDS);
        }
        return list.stream().mapToLong(element -> number(key, element.value())).toArray();
    }

    /** A list of objects. */
    public List<JsonObject> objects(String key) {
        List<JsonObject> objects = new ArrayList<>();
        for (Json element : list(key, NO_OBJECTS)) {
            if (!element.isObject()) {
                throw reject(key, NO_OBJECTS);
            }
            objects.add(new JsonObject(file, line == 0 ? element.line() : line, element.object(key)));
        }
        return objects;
    }

    /** An object of numbers. */
    public Map<String, Long> numberMap(String key) {
        return numberMap(key, object(key));
    }

    private Map<String, Long> numberMap(String key, Map<String, Json> object) {
        Map<String, Long> numbers = new LinkedHashMap<>();
        object.forEach((name, value) -> numbers.put(name, number(key, value.value())));
        return numbers;
    }

    /** An object of objects of numbers. */
    public Map<String, Map<String, Long>> groups(String key) {
        Map<String, Map<String, Long>> groups = new LinkedHashMap<>();
        object(key).forEach((name, value) -> {
            if (!value.isObject()) {
                throw reject(key, "is not an object of objects");
            }
            groups.put(name, numberMap(key, value.object(key)));
        });
        return groups;
    }

    /** An object of texts. */
    public Map<String, String> textMap(String key) {
        Map<String, String> texts = new LinkedHashMap<>();
        object(key).forEach((name, value) -> texts.put(name, text(key, value, "is not an object of texts")));
        return texts;
    }

    /** A text that may come from anywhere, for a message. */
    public static String shortened(String text) {
        String clean = text.replaceAll("\\p{Cntrl}", "?");
        return "'" + (clean.length() <= MAX_QUOTED ? clean : clean.substring(0, MAX_QUOTED) + "...") + "'";
    }
}
