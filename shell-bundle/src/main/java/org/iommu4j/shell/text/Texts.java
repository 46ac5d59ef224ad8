package org.iommu4j.shell.text;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.iommu4j.backend.Generation;
import org.iommu4j.core.service.OneLine;

/** Texts of values for the screen. */
public final class Texts {
    private Texts() {}

    /** Generations in order, separated by blanks; {@code -} for none. */
    public static String subVersions(List<Integer> subVersions) {
        return subVersions.isEmpty()
                ? "-"
                : subVersions.stream().map(Generation::text).collect(Collectors.joining(" "));
    }

    /** A time in nanoseconds, in milliseconds with three digits. */
    public static String millis(long nanos) {
        return String.format(Locale.ROOT, "%.3f", nanos / 1e6);
    }

    /** A text, or {@code -} if it is empty. */
    public static String orDash(String text) {
        return text.isEmpty() ? "-" : text;
    }

    /** Refusals by rule id, as {@code V12 3, V36 1}; {@code -} for none. */
    public static String refused(Map<String, Long> byRule) {
        return byRule.isEmpty()
                ? "-"
                : new TreeMap<>(byRule)
                        .entrySet().stream()
                                .map(entry -> entry.getKey() + " " + entry.getValue())
                                .collect(Collectors.joining(", "));
    }

    /** A message on one line of bounded length; the class of the exception stands in for a missing one. */
    public static String message(Throwable failure) {
        String message = failure.getMessage();
        return message == null || message.isBlank() ? failure.getClass().getSimpleName() : OneLine.message(message);
    }
}
