package org.iommu4j.backend.log;

import java.util.List;
import java.util.regex.Pattern;

/**
 * One form of a line in the log of an operating system, and what it says of a structure of the model. A form is looked for
 * anywhere in a line, behind whatever time, host and device stand before it.
 *
 * @param subject what the line tells of
 * @param format name of the structure or register that it tells of; empty unless the subject is one of these
 * @param mark text that every such line contains: a cheap test before the pattern
 * @param pattern regular expression whose named groups are what {@code values} read
 * @param values what stands in the line
 * @param wordPattern regular expression for a part of the bytes, in hexadecimal digits in the group {@link #WORD}; the parts
 *     stand behind each other in the line from the match on, or one a line in those behind it. Matches nothing if the line gives
 *     values
 * @param words how many parts there are; 0 if the line gives values
 * @param wordBytes bytes of a part; in memory the least significant one comes first
 * @param about what such a line tells, in one sentence; empty if the structure says it
 */
public record LogFormat(
        Subject subject,
        String format,
        String mark,
        Pattern pattern,
        List<LogValue> values,
        Pattern wordPattern,
        int words,
        int wordBytes,
        String about) {

    private static final Pattern NOTHING = Pattern.compile("(?!)");

    /** Name of the group that holds a part of the bytes. */
    public static final String WORD = "word";

    /** Subject of a line. */
    public enum Subject {
        /** The structure of that name. */
        STRUCTURE,
        /** The register of that name. */
        REGISTER,
        /** A record of the chip; which one, its bytes tell. */
        EVENT,
        /** A command of the chip; which one, its bytes tell. */
        COMMAND,
        /** State of a device or a unit; the values are told as they are. */
        MESSAGE
    }

    /** Copies the values. */
    public LogFormat {
        values = List.copyOf(values);
    }

    /** A line that gives fields of a structure. */
    public static LogFormat structure(String format, String mark, String pattern, LogValue... values) {
        return inOneLine(Subject.STRUCTURE, format, mark, pattern, "", values);
    }

    /** A line that gives the value of a register. */
    public static LogFormat register(String format, String mark, String pattern, LogValue value) {
        return inOneLine(Subject.REGISTER, format, mark, pattern, "", value);
    }

    /** A line that tells in words what has happened. */
    public static LogFormat message(String mark, String pattern, String about, LogValue... values) {
        return inOneLine(Subject.MESSAGE, "", mark, pattern, about, values);
    }

    /**
     * A line with which the bytes of something begin.
     *
     * @param format name of the structure; empty for an event or a command
     */
    public static LogFormat bytes(
            Subject subject, String format, String mark, String pattern, String wordPattern, int words, int wordBytes) {
        return new LogFormat(
                subject,
                format,
                mark,
                Pattern.compile(pattern),
                List.of(),
                Pattern.compile(wordPattern),
                words,
                wordBytes,
                "");
    }

    private static LogFormat inOneLine(
            Subject subject, String format, String mark, String pattern, String about, LogValue... values) {
        return new LogFormat(subject, format, mark, Pattern.compile(pattern), List.of(values), NOTHING, 0, 0, about);
    }
}
