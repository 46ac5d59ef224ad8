package org.iommu4j.simulation.config;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntToLongFunction;
import java.util.stream.Collectors;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Generation;
import org.iommu4j.contract.Errno;
import org.iommu4j.layout.BitField;

/**
 * One row of a {@link SettingTable}: a number, a choice among words, or a text that its vendor reads. Numbers are unsigned.
 */
public final class SettingRow {
    private final String name;
    private final String group;
    private final int width;
    private final Map<String, Long> words = new LinkedHashMap<>();
    private final String register;
    private final BitField field;
    private List<String> aliases = List.of();
    private IntToLongFunction byDefault = generation -> 0;
    private Condition condition = (generation, value) -> true;
    private Map<Long, Long> codes = Map.of();
    private String values = "";
    private long most = -1L;
    private String about = "";

    /** Tells whether a generation can have a value. */
    @FunctionalInterface
    public interface Condition {
        /** True if a chip of the generation can have the value. */
        boolean allows(int subVersion, long value);
    }

    /** A row of its own. */
    SettingRow(String name, String group, int width) {
        this(name, group, width, null, null);
    }

    /** A field of a register. */
    SettingRow(String register, String group, BitField field) {
        this(field.name(), group, field.width(), register, field);
    }

    private SettingRow(String name, String group, int width, String register, BitField field) {
        this.name = name;
        this.group = group;
        this.width = width;
        this.register = register;
        this.field = field;
    }

    /** Other names that are understood. */
    public SettingRow alias(String... names) {
        aliases = List.of(names);
        return this;
    }

    /** The default of every generation. */
    public SettingRow byDefault(long value) {
        return byDefault(generation -> value);
    }

    /** The default by generation. */
    public SettingRow byDefault(IntToLongFunction value) {
        byDefault = value;
        return this;
    }

    /** Words that stand for a value, besides the number. */
    public SettingRow word(String word, long value) {
        words.put(word, value);
        return this;
    }

    /**
     * Values that a generation can have; others are refused with {@code EPROTONOSUPPORT}.
     *
     * @param inWords the legal values, for messages and documents
     */
    public SettingRow legal(String inWords, Condition allowed) {
        values = inWords;
        condition = allowed;
        return this;
    }

    /** The largest value, unsigned; larger ones are refused with {@code EINVAL}. */
    public SettingRow most(long largest) {
        most = largest;
        values = "0.." + Long.toUnsignedString(largest);
        return this;
    }

    /**
     * Values that a configuration gives in another unit than the register's field holds them, as an address width in bits
     * for its code. Only these can be given.
     */
    public SettingRow coded(Map<Long, Long> fieldValues) {
        codes = new TreeMap<>(fieldValues);
        return this;
    }

    /** Meaning in a few words. */
    public SettingRow about(String text) {
        about = text;
        return this;
    }

    /** The name. */
    public String name() {
        return name;
    }

    /** The register that it is a field of; null if it is none. */
    String register() {
        return register;
    }

    /** The field of the register; null if it is none. */
    BitField field() {
        return field;
    }

    List<String> aliases() {
        return aliases;
    }

    String group() {
        return group;
    }

    boolean isText() {
        return width == 0;
    }

    /** True if the values are words only. */
    boolean isChoice() {
        return group.isEmpty() && !words.isEmpty();
    }

    long defaultOf(int subVersion) {
        return byDefault.applyAsLong(subVersion);
    }

    String about() {
        return about.isEmpty() && field != null ? field.about() : about;
    }

    /** The legal values in words. */
    String values() {
        if (!values.isEmpty()) {
            return values;
        }
        if (isText()) {
            return "text";
        }
        if (!codes.isEmpty()) {
            return codes.keySet().stream().map(String::valueOf).collect(Collectors.joining(", "));
        }
        if (isChoice()) {
            return String.join(", ", words.keySet());
        }
        return width == 1 ? "0, 1" : "0..0x" + Long.toHexString(-1L >>> (Long.SIZE - width));
    }

    /** A value as documents and messages show it. */
    String show(long value) {
        if (isText()) {
            return "";
        }
        for (Map.Entry<Long, Long> code : codes.entrySet()) {
            if (code.getValue() == value) {
                return code.getKey().toString();
            }
        }
        for (Map.Entry<String, Long> word : words.entrySet()) {
            if (isChoice() && word.getValue() == value) {
                return word.getKey();
            }
        }
        return Long.compareUnsigned(value, 10) < 0 ? Long.toString(value) : "0x" + Long.toHexString(value);
    }

    /**
     * A value that is written as text: a word, or an unsigned number in decimal or with 0x.
     *
     * @throws BackendException {@code EINVAL} if it is neither
     */
    long parse(String given, String text) {
        for (Map.Entry<String, Long> word : words.entrySet()) {
            if (word.getKey().equalsIgnoreCase(text)) {
                return word.getValue();
            }
        }
        if (isChoice()) {
            throw new BackendException(Errno.EINVAL, "option " + given + "=" + text + "; known: " + values());
        }
        if (width == 1 && ("true".equals(text) || "false".equals(text))) {
            return "true".equals(text) ? 1 : 0;
        }
        try {
            String number = text.strip().toLowerCase(Locale.ROOT);
            return number.startsWith("0x")
                    ? Long.parseUnsignedLong(number.substring(2), 16)
                    : Long.parseUnsignedLong(number);
        } catch (NumberFormatException e) {
            throw new BackendException(
                    Errno.EINVAL, "capability " + given + "=" + text + " is no number; legal: " + values(), e);
        }
    }

    /**
     * A given value as the row holds it.
     *
     * @throws BackendException {@code EINVAL} for a value that is too wide, {@code EPROTONOSUPPORT} for one that the
     *     generation cannot have
     */
    public long accept(String given, int subVersion, long wanted) {
        Long code = codes.get(wanted);
        long value = code == null ? wanted : code;
        if (code == null && !codes.isEmpty()) {
            throw new BackendException(
                    Errno.EPROTONOSUPPORT,
                    "capability " + given + "=" + Long.toUnsignedString(wanted) + "; legal: " + values());
        }
        check(given, subVersion, value);
        return value;
    }

    /** Refuses a value of the row that does not fit; throws as {@link #accept}. */
    void check(String given, int subVersion, long value) {
        if (width < Long.SIZE && value >>> width != 0) {
            throw new BackendException(
                    Errno.EINVAL,
                    "capability " + given + "=0x" + Long.toHexString(value) + " exceeds " + width + " bits");
        }
        if (Long.compareUnsigned(value, most) > 0) {
            throw new BackendException(
                    Errno.EINVAL, "capability " + given + "=" + Long.toUnsignedString(value) + "; legal: " + values());
        }
        if (!condition.allows(subVersion, value)) {
            throw new BackendException(
                    Errno.EPROTONOSUPPORT,
                    "capability " + given + "=" + show(value) + " cannot be on generation "
                            + Generation.text(subVersion) + "; legal: " + values());
        }
    }

    @Override
    public String toString() {
        return name;
    }
}
