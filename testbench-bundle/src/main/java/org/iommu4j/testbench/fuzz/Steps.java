package org.iommu4j.testbench.fuzz;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iommu4j.backend.Requester;

/** Steps of the case format, as trees of maps, lists, texts and numbers. */
final class Steps {
    /** Steps that need a driver. */
    static final Set<String> CONTRACT = Set.of("ioctl", "attach", "detach", "map", "unmap", "native");

    private static final int HEX = 16;
    private static final HexFormat BYTES = HexFormat.of();

    private Steps() {}

    /** A step of keys and values in turn; a null value is left out. */
    static Map<String, Object> step(String op, Object... keysAndValues) {
        Map<String, Object> step = new LinkedHashMap<>();
        step.put("op", op);
        for (int i = 0; i < keysAndValues.length; i += 2) {
            if (keysAndValues[i + 1] != null) {
                step.put((String) keysAndValues[i], keysAndValues[i + 1]);
            }
        }
        return step;
    }

    /** A write to memory: whole words as such, everything else as bytes. */
    static Map<String, Object> memWrite(long pa, byte[] bytes, ByteOrder order) {
        if (pa % Long.BYTES != 0 || bytes.length == 0 || bytes.length % Long.BYTES != 0) {
            return step("mem_write", "pa", hex(pa), "hex", hex(bytes));
        }
        List<Object> words = new ArrayList<>();
        ByteBuffer buffer = ByteBuffer.wrap(bytes).order(order);
        while (buffer.hasRemaining()) {
            words.add(hex(buffer.getLong()));
        }
        return step("mem_write", "pa", hex(pa), "words", words);
    }

    /** The bytes that a step writes to memory. */
    static byte[] written(Map<String, Object> step, ByteOrder order) {
        if (!(step.get("words") instanceof List<?> words)) {
            return bytes(step, "hex");
        }
        ByteBuffer buffer = ByteBuffer.allocate(words.size() * Long.BYTES).order(order);
        words.forEach(word -> buffer.putLong(number(word)));
        return buffer.array();
    }

    /** A number as steps write it. */
    static String hex(long number) {
        return "0x" + Long.toHexString(number);
    }

    /** Bytes as steps write them. */
    static String hex(byte[] bytes) {
        return BYTES.formatHex(bytes);
    }

    /** Bytes that a step names. */
    static byte[] bytes(Map<String, Object> step, String key) {
        return step.get(key) instanceof String text ? BYTES.parseHex(text) : new byte[0];
    }

    /** A text that a step names; empty if there is none. */
    static String text(Map<String, Object> step, String key) {
        return step.get(key) instanceof String text ? text : "";
    }

    /** True if a value is a number as steps write it. */
    static boolean isNumber(Object value) {
        return value instanceof Number
                || (value instanceof String text && text.startsWith("0x") && text.length() > 2 && text.length() <= 18);
    }

    /** A number that a step names. */
    static long number(Map<String, Object> step, String key, long otherwise) {
        Object value = step.get(key);
        return isNumber(value) ? number(value) : otherwise;
    }

    /** The value of a number. */
    static long number(Object value) {
        return value instanceof String text
                ? Long.parseUnsignedLong(text.substring(2), HEX)
                : value instanceof BigInteger big ? big.longValue() : ((Number) value).longValue();
    }

    /** The requester that a step names, by its number or as a PCI function; 0 if it names none. */
    static int requester(Map<String, Object> step) {
        return Requester.parse(text(step, "requester")).orElseGet(() -> (int) number(step, "requester", 0));
    }
}
