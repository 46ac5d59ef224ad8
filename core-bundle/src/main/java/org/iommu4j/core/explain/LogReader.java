package org.iommu4j.core.explain;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import org.iommu4j.backend.Requester;
import org.iommu4j.backend.log.LogFormat;
import org.iommu4j.backend.log.LogFormat.Subject;
import org.iommu4j.backend.log.LogValue;
import org.iommu4j.core.service.Explanation;
import org.iommu4j.core.service.Explanation.Line;
import org.iommu4j.core.service.Explanation.Part;
import org.iommu4j.core.service.OneLine;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Code;
import org.iommu4j.layout.Layout;

/**
 * Finds in the lines of a log what tells of a structure, and explains as much of the structure as the line says. Lines are
 * given one after the other, so that a log may be of any length.
 */
final class LogReader {
    /** Characters of a line that are looked at; kernels write lines of one KiB at most. */
    private static final int MOST_CHARACTERS = 4096;

    /** Lines of others that may stand between the lines that belong together. */
    private static final int MOST_BETWEEN = 32;

    /** How a log's bytes and values become an explanation; all of it asks foreign code. */
    interface Explaining {
        /** Bytes of a structure, record or command. */
        Explanation bytes(Known known, byte[] bytes);

        /** A register that has a value. */
        Explanation register(Known known, long value);

        /** The fields of a structure of which only some bits are known. */
        Explanation fields(Known known, long[] words, Set<String> told);
    }

    /**
     * A form of a line, and whose it is.
     *
     * @param model label of the model
     * @param layout the structure; null unless the form names one
     */
    record Known(String model, Formats formats, LogFormat format, Layout layout) {}

    private final List<Known> known;
    private final Explaining explaining;
    private final Consumer<Explanation> found;
    private long number;
    private Begun begun;

    LogReader(List<Known> known, Explaining explaining, Consumer<Explanation> found) {
        this.known = known;
        this.explaining = explaining;
        this.found = found;
    }

    /** Bytes whose first line was there. */
    private static final class Begun {
        final Known known;
        final String subject;
        final List<Long> parts = new ArrayList<>();
        int between;

        Begun(Known known, String subject) {
            this.known = known;
            this.subject = subject;
        }

        boolean isComplete() {
            return parts.size() >= known.format().words();
        }

        /** The parts as they lie in memory, the least significant byte of each first. */
        byte[] bytes() {
            int each = known.format().wordBytes();
            byte[] bytes = new byte[parts.size() * each];
            for (int at = 0; at < bytes.length; at++) {
                bytes[at] = (byte) (parts.get(at / each) >>> (Byte.SIZE * (at % each)));
            }
            return bytes;
        }
    }

    /** The next line. */
    void accept(String whole) {
        number++;
        String line = whole.length() <= MOST_CHARACTERS ? whole : whole.substring(0, MOST_CHARACTERS);
        if (begun != null && goesOn(line)) {
            return;
        }
        for (Known each : known) {
            if (line.contains(each.format().mark())) {
                Matcher match = each.format().pattern().matcher(line);
                if (match.find()) {
                    begin(each, match, line);
                }
            }
        }
    }

    /** There are no more lines. */
    void end() {
        giveUp();
    }

    private String subject(Known each, String line) {
        return "line " + number + ", " + each.model() + ": " + OneLine.message(line);
    }

    private boolean goesOn(String line) {
        if (takeParts(line, 0)) {
            return true;
        }
        if (++begun.between > MOST_BETWEEN) {
            giveUp();
        }
        return false;
    }

    /** Takes the parts that stand in a line, and tells of the bytes if they are all there. */
    private boolean takeParts(String line, int from) {
        Matcher match = begun.known.format().wordPattern().matcher(line).region(from, line.length());
        boolean any = false;
        while (!begun.isComplete() && match.find()) {
            begun.parts.add(Long.parseUnsignedLong(match.group(LogFormat.WORD), 16));
            any = true;
        }
        if (begun.isComplete()) {
            Begun whole = begun;
            begun = null;
            tell(whole.subject, explaining.bytes(whole.known, whole.bytes()));
        }
        return any;
    }

    private void begin(Known each, Matcher match, String line) {
        LogFormat format = each.format();
        String subject = subject(each, line);
        if (format.words() > 0) {
            giveUp();
            begun = new Begun(each, subject);
            takeParts(line, match.start());
        } else {
            tell(subject, explained(each, match));
        }
    }

    /** Ends a record of several lines of which the rest is missing, and says which words. */
    private void giveUp() {
        if (begun != null) {
            Begun part = begun;
            begun = null;
            tell(
                    part.subject,
                    Explanation.problem(part.known.format().words() + " words belong to it, of which "
                            + part.parts.size() + (part.parts.size() == 1 ? " follows" : " follow")));
        }
    }

    private void tell(String subject, Explanation what) {
        boolean problem = what.outcome() == Explanation.Outcome.NOT_EXPLAINED;
        found.accept(new Explanation(
                what.outcome(),
                subject,
                problem ? subject + ": " + what.problem() : "",
                what.parts(),
                what.verdict(),
                what.candidates(),
                what.notes()));
    }

    private Explanation explained(Known each, Matcher match) {
        LogFormat format = each.format();
        if (format.subject() == Subject.REGISTER) {
            Long value = value(format.values().get(0), match);
            return value == null ? unreadable() : explaining.register(each, value);
        }
        if (format.subject() == Subject.MESSAGE) {
            return message(format, match);
        }
        Layout layout = each.layout();
        long[] words = new long[layout.words()];
        long[] told = new long[layout.words()];
        for (LogValue value : format.values()) {
            Long number = value(value, match);
            if (number != null) {
                BitField place = value.place();
                long bits = place.inPlace() ? number : number >>> value.lowest() << place.shift();
                words[place.word()] = (words[place.word()] & ~place.mask()) | (bits & place.mask());
                told[place.word()] |= place.mask();
            }
        }
        Set<String> names = new HashSet<>();
        for (BitField field : layout.fields()) {
            if ((field.mask() & ~told[field.word()]) == 0) {
                names.add(field.name());
            }
        }
        return explaining.fields(each, words, names);
    }

    private static Explanation message(LogFormat format, Matcher match) {
        List<Line> lines = new ArrayList<>();
        for (LogValue value : format.values()) {
            String text = match.group(value.group());
            if (text != null) {
                Long number = value(value, match);
                lines.add(new Line(
                        value.group(), "", 0, OneLine.name(text), number == null ? "" : meaning(value, number), false));
            }
        }
        List<Part> parts = lines.isEmpty() ? List.of() : List.of(new Part("message", "", 0, lines));
        return Explanation.of("", parts, null, format.about().isEmpty() ? List.of() : List.of(format.about()));
    }

    private static String meaning(LogValue value, long number) {
        for (Code code : value.codes()) {
            if (code.value() == number) {
                return code.meaning();
            }
        }
        return "";
    }

    private static Explanation unreadable() {
        return Explanation.problem("its value is no number of 64 bits");
    }

    /** The number that a value stands for; null if the line does not say. */
    private static Long value(LogValue value, Matcher match) {
        if (value.reading() == LogValue.Reading.CONSTANT) {
            return value.codes().get(0).value();
        }
        String text = match.group(value.group());
        if (text == null) {
            return null;
        }
        try {
            return switch (value.reading()) {
                case HEX -> Long.parseUnsignedLong(withoutPrefix(text), 16);
                case NUMBER ->
                    isPrefixed(text)
                            ? Long.parseUnsignedLong(withoutPrefix(text), 16)
                            : Long.valueOf(Long.parseLong(text));
                case REQUESTER -> {
                    OptionalInt number = Requester.parse(text);
                    yield number.isPresent() ? Long.valueOf(Integer.toUnsignedLong(number.getAsInt())) : null;
                }
                case NAME -> named(value, text);
                case CONSTANT -> throw new IllegalArgumentException(text);
            };
        } catch (NumberFormatException e) {
            return null;
        }
    }

    private static Long named(LogValue value, String text) {
        for (Code code : value.codes()) {
            if (code.meaning().equals(text)) {
                return code.value();
            }
        }
        return null;
    }

    private static boolean isPrefixed(String text) {
        return text.startsWith("0x") || text.startsWith("0X");
    }

    private static String withoutPrefix(String text) {
        return isPrefixed(text) ? text.substring(2) : text;
    }
}
