package org.iommu4j.backend;

import java.util.Locale;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A PCI function as people write it, bus:device.function, and its number as hardware has it. */
public final class Requester {
    private static final String NUMBER = "(?:0x)?([0-9a-f]";
    private static final Pattern FUNCTION = Pattern.compile(
            "(?:" + NUMBER + "{1,4}):)?" + NUMBER + "{1,2}):" + NUMBER + "{1,2})\\.(?:0x)?([0-7])",
            Pattern.CASE_INSENSITIVE);

    private static final int SEGMENT_SHIFT = 16;
    private static final int BUS_SHIFT = 8;
    private static final int DEVICE_SHIFT = 3;
    private static final int MOST_DEVICE = 0x1f;
    private static final int MOST_FUNCTION = 7;
    private static final int MOST_BUS = 0xff;

    private Requester() {}

    /**
     * The number of a function.
     *
     * @param text as {@code 00:1f.2}, or {@code 0001:00:1f.2} with its segment; each number may have 0x before it
     * @return bits 15:0 the requester id, bits 31:16 the segment; empty if the text names no function
     */
    public static OptionalInt parse(String text) {
        Matcher found = FUNCTION.matcher(text);
        if (!found.matches()) {
            return OptionalInt.empty();
        }
        int segment = found.group(1) == null ? 0 : Integer.parseInt(found.group(1), 16);
        int bus = Integer.parseInt(found.group(2), 16);
        int device = Integer.parseInt(found.group(3), 16);
        if (device > MOST_DEVICE) {
            return OptionalInt.empty();
        }
        int function = Integer.parseInt(found.group(4));
        return OptionalInt.of((segment << SEGMENT_SHIFT) | (bus << BUS_SHIFT) | (device << DEVICE_SHIFT) | function);
    }

    /** A requester id as {@code 00:1f.2}; one above 16 bits (a handle, a LIOBN, a StreamID of a segment) in hexadecimal. */
    public static String text(int requester) {
        if (requester >>> SEGMENT_SHIFT != 0) {
            return String.format(Locale.ROOT, "0x%08x", requester);
        }
        return String.format(
                Locale.ROOT,
                "%02x:%02x.%x",
                requester >>> BUS_SHIFT & MOST_BUS,
                requester >>> DEVICE_SHIFT & MOST_DEVICE,
                requester & MOST_FUNCTION);
    }

    /** A requester id for people: its number, and the function if it is one, as {@code 0xfa (00:1f.2)}. */
    public static String both(int requester) {
        String number = "0x" + Integer.toHexString(requester);
        return requester >>> SEGMENT_SHIFT != 0 ? number : number + " (" + text(requester) + ")";
    }
}
