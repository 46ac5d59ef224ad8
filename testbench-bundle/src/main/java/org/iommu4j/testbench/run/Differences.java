package org.iommu4j.testbench.run;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.iommu4j.testbench.CaseFileException;

/** Differences between the expected and the actual answer of a step, in words. */
public final class Differences {
    private static final int MOST = 8;
    private static final String HEX = "0x";
    private static final int BYTE_DIGITS = 2;

    private final List<String> found = new ArrayList<>();

    private Differences() {}

    /**
     * The differences, a sentence each.
     *
     * @param expected JSON of what was expected
     * @param got JSON of the answer
     * @return at most eight; empty if there is nothing to compare
     */
    public static List<String> of(String expected, String got) {
        if (expected.isEmpty() || got.isEmpty()) {
            return List.of();
        }
        Differences differences = new Differences();
        try {
            differences.compare("", StepRunner.parse(expected), StepRunner.parse(got));
        } catch (CaseFileException e) {
            return List.of();
        }
        return differences.found.size() > MOST ? differences.found.subList(0, MOST) : differences.found;
    }

    private void compare(String path, Object expected, Object got) {
        if (expected instanceof Map<?, ?> wanted && got instanceof Map<?, ?> given) {
            wanted.forEach(
                    (key, value) -> compare(path.isEmpty() ? key.toString() : path + "." + key, value, given.get(key)));
        } else if (expected instanceof List<?> wanted && got instanceof List<?> given) {
            if (wanted.size() != given.size()) {
                found.add(at(path) + wanted.size() + " expected, " + given.size() + " there");
            }
            for (int i = 0; i < Math.min(wanted.size(), given.size()); i++) {
                compare(path + "[" + i + "]", wanted.get(i), given.get(i));
            }
        } else if (got instanceof Map<?, ?> given && path.isEmpty()) {
            given.entrySet().stream()
                    .filter(entry -> (expected instanceof List) == (entry.getValue() instanceof List))
                    .findFirst()
                    .ifPresent(entry -> compare(entry.getKey().toString(), expected, entry.getValue()));
        } else if (!same(expected, got)) {
            found.add(at(path) + sentence(expected, got));
        }
    }

    private static String at(String path) {
        return path.isEmpty() ? "" : path + ": ";
    }

    /** Numbers are the same however they are written. */
    private static boolean same(Object expected, Object got) {
        return Objects.equals(number(expected), number(got));
    }

    private static Object number(Object value) {
        if (value instanceof String text && text.matches("0x[0-9a-fA-F]{1,16}")) {
            return new BigInteger(text.substring(HEX.length()), 16);
        }
        return value;
    }

    private static String sentence(Object expected, Object got) {
        if (got == null) {
            return "expected " + shown(expected) + ", it is not there";
        }
        if (expected instanceof String wanted && got instanceof String given && areBytes(wanted, given)) {
            int at = 0;
            while (wanted.regionMatches(true, at, given, at, BYTE_DIGITS)) {
                at += BYTE_DIGITS;
            }
            return "byte " + at / BYTE_DIGITS + " is " + given.substring(at, at + BYTE_DIGITS) + ", expected "
                    + wanted.substring(at, at + BYTE_DIGITS);
        }
        return "expected " + shown(expected) + ", got " + shown(got);
    }

    private static boolean areBytes(String wanted, String given) {
        String both = wanted + given;
        return wanted.length() == given.length()
                && wanted.length() > BYTE_DIGITS * Long.BYTES
                && wanted.length() % BYTE_DIGITS == 0
                && both.matches("[0-9a-fA-F]*")
                && !wanted.equalsIgnoreCase(given);
    }

    private static String shown(Object value) {
        return value instanceof BigInteger number ? HEX + number.toString(16) : StepRunner.json(value);
    }
}
