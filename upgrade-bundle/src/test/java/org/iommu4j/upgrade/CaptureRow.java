package org.iommu4j.upgrade;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongUnaryOperator;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** One line of a capture, for tests that change it: a flat object whose values are kept as they are written. */
public final class CaptureRow {
    private static final Pattern PAIR = Pattern.compile("\"(\\w+)\":(\"[^\"]*\"|\\[[^]]*]|[^,}]+)");

    private final Map<String, String> values = new LinkedHashMap<>();

    /** Parses a line. */
    public static CaptureRow of(String line) {
        CaptureRow row = new CaptureRow();
        Matcher pairs = PAIR.matcher(line);
        while (pairs.find()) {
            row.values.put(pairs.group(1), pairs.group(2));
        }
        return row;
    }

    /** A row without keys. */
    public static CaptureRow empty() {
        return new CaptureRow();
    }

    /** The same once more. */
    public CaptureRow copy() {
        CaptureRow row = new CaptureRow();
        row.values.putAll(values);
        return row;
    }

    /** Kind of the record. */
    public String kind() {
        return text("k");
    }

    /** True if the record is of that kind, and its key holds that text. */
    public boolean is(String kind, String key, String text) {
        return kind().equals(kind) && has(key) && text(key).equals(text);
    }

    /** True if the key is there. */
    public boolean has(String key) {
        return values.containsKey(key);
    }

    /** A text. */
    public String text(String key) {
        return values.get(key).replace("\"", "");
    }

    /** A number. */
    public long number(String key) {
        return parse(text(key));
    }

    /** A list of numbers. */
    public List<Long> list(String key) {
        List<Long> list = new ArrayList<>();
        for (String element : text(key).replace("[", "").replace("]", "").split(",", -1)) {
            list.add(parse(element));
        }
        return list;
    }

    private static long parse(String text) {
        return text.startsWith("0x") ? Long.parseUnsignedLong(text, 2, text.length(), 16) : Long.parseLong(text);
    }

    private static String hex(long value) {
        return "\"0x" + Long.toHexString(value) + "\"";
    }

    /** Sets a number. */
    public CaptureRow set(String key, long value) {
        values.put(key, hex(value));
        return this;
    }

    /** Sets a number that is no address. */
    public CaptureRow count(String key, long value) {
        values.put(key, Long.toString(value));
        return this;
    }

    /** Sets a text. */
    public CaptureRow set(String key, String text) {
        values.put(key, "\"" + text + "\"");
        return this;
    }

    /** Sets a list of numbers. */
    public CaptureRow set(String key, List<Long> list) {
        values.put(key, list.stream().map(CaptureRow::hex).collect(Collectors.joining(",", "[", "]")));
        return this;
    }

    /** Drops a key. */
    public CaptureRow drop(String key) {
        values.remove(key);
        return this;
    }

    /** Changes a number, if the key is there. */
    public CaptureRow change(String key, LongUnaryOperator change) {
        return has(key) ? set(key, change.applyAsLong(number(key))) : this;
    }

    /** Changes a text, if the key is there. */
    public CaptureRow changeText(String key, UnaryOperator<String> change) {
        return has(key) ? set(key, change.apply(text(key))) : this;
    }

    /** Changes one number of a list, if the key is there. */
    public CaptureRow change(String key, int index, LongUnaryOperator change) {
        if (has(key)) {
            List<Long> list = list(key);
            list.set(index, change.applyAsLong(list.get(index)));
            set(key, list);
        }
        return this;
    }

    @Override
    public String toString() {
        return values.entrySet().stream()
                .map(entry -> "\"" + entry.getKey() + "\":" + entry.getValue())
                .collect(Collectors.joining(",", "{", "}"));
    }
}
