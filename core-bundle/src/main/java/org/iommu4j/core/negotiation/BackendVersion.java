package org.iommu4j.core.negotiation;

import java.util.Comparator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The version of a backend's bundle, ordered as OSGi orders versions.
 *
 * @param major first number
 * @param minor second number
 * @param micro third number
 * @param qualifier the rest; empty if none
 */
public record BackendVersion(int major, int minor, int micro, String qualifier) implements Comparable<BackendVersion> {
    /** In place of a version that nobody knows: older than all others. */
    static final BackendVersion NONE = new BackendVersion(0, 0, 0, "");

    private static final Pattern FORM =
            Pattern.compile("(\\d{1,9})(?:\\.(\\d{1,9})(?:\\.(\\d{1,9})(?:\\.([A-Za-z0-9_-]{1,64}))?)?)?");

    private static final Comparator<BackendVersion> ORDER = Comparator.comparingInt(BackendVersion::major)
            .thenComparingInt(BackendVersion::minor)
            .thenComparingInt(BackendVersion::micro)
            .thenComparing(BackendVersion::qualifier);

    /** Reads {@code major[.minor[.micro[.qualifier]]]}; null if it is something else. */
    public static BackendVersion parse(String text) {
        Matcher parts = FORM.matcher(text == null ? "" : text);
        if (!parts.matches()) {
            return null;
        }
        return new BackendVersion(
                number(parts.group(1)),
                number(parts.group(2)),
                number(parts.group(3)),
                parts.group(4) == null ? "" : parts.group(4));
    }

    private static int number(String digits) {
        return digits == null ? 0 : Integer.parseInt(digits);
    }

    @Override
    public int compareTo(BackendVersion other) {
        return ORDER.compare(this, other);
    }
}
