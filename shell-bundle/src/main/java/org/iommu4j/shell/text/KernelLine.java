package org.iommu4j.shell.text;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A line of a kernel's log as the kernel wrote it, whatever kept it: a terminal's colours are taken away, and tabs that a log
 * daemon has written as numbers are tabs again. Of a JSON object of journald ({@code journalctl -o json}), dmesg or a container's
 * log it is the message.
 */
public final class KernelLine {
    /** A control sequence of a terminal, ECMA-48 5.4. */
    private static final Pattern CONTROL = Pattern.compile("\u001b\\[[0-9;?]*[ -/]*[@-~]");

    /** A tab as rsyslog (octal) and /dev/kmsg (hexadecimal) write it: where a kernel puts one, in front of a value. */
    private static final Pattern TAB = Pattern.compile("(?<=[\\s:;])(?:#011|\\\\x09)");

    private static final Pattern MESSAGE = Pattern.compile(
            "\"(?:MESSAGE|msg|message|log)\"\\s*:\\s*(?:\"((?:[^\"\\\\]++|\\\\.)*+)\"|\\[([0-9,\\s]*)\\])");

    /** An escape of JSON, RFC 8259 7. */
    private static final Pattern ESCAPE = Pattern.compile("\\\\(?:u([0-9a-fA-F]{4})|(.))");

    private static final String SHORT_ESCAPES = "btnfr";
    private static final String ESCAPED = "\b\t\n\f\r";
    private static final int HEXADECIMAL = 16;

    private KernelLine() {}

    /** The part of a line that the kernel wrote. */
    public static String of(String line) {
        String text = isJson(line) ? message(line) : line;
        if (text.indexOf('\u001b') >= 0) {
            text = CONTROL.matcher(text).replaceAll("");
        }
        return text.contains("#011") || text.contains("\\x09")
                ? TAB.matcher(text).replaceAll("\t")
                : text;
    }

    /** True for an object of JSON, and for a member of one that stands in a line of its own. */
    private static boolean isJson(String line) {
        String begun = line.stripLeading();
        return begun.startsWith("{") || begun.startsWith("\"");
    }

    private static String message(String line) {
        Matcher found = MESSAGE.matcher(line);
        if (!found.find()) {
            return line;
        }
        return found.group(1) != null ? unescaped(found.group(1)) : ofBytes(found.group(2));
    }

    private static String unescaped(String text) {
        return ESCAPE.matcher(text)
                .replaceAll(one -> Matcher.quoteReplacement(
                        one.group(1) != null
                                ? String.valueOf((char) Integer.parseInt(one.group(1), HEXADECIMAL))
                                : plain(one.group(2))));
    }

    private static String plain(String escape) {
        int known = SHORT_ESCAPES.indexOf(escape);
        return known < 0 ? escape : ESCAPED.substring(known, known + 1);
    }

    /** journald writes a text with control characters as the numbers of its bytes. */
    private static String ofBytes(String numbers) {
        StringBuilder text = new StringBuilder();
        for (String number : numbers.split(",", -1)) {
            String digits = number.strip();
            if (!digits.isEmpty() && digits.length() <= 3) {
                text.append((char) Integer.parseInt(digits));
            }
        }
        return text.toString();
    }
}
