package org.iommu4j.upgrade.trace;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.iommu4j.backend.capture.TraceEvent;
import org.iommu4j.backend.capture.TraceFormat;

/**
 * Reads lines of a trace as the backend "log" writes them: an event's name and its text, with or without the thread and the time
 * before. Lines of other programs may stand between, and before an event in its line.
 */
final class TraceParser {
    /** Thread, time and event. */
    private static final Pattern STAMPED = Pattern.compile("(?:.*\\s)?(\\d+)@\\d+\\.\\d+:(\\w+)(?: (.*))?");

    private static final Pattern PLAIN = Pattern.compile("(?:.*?\\s)??([a-z][a-z0-9]*_\\w+)(?: (.*))?");
    private static final Pattern GROUP = Pattern.compile("\\(\\?<(\\w+)>");
    private static final Set<String> HEX_GROUPS = Set.of("bus", "device", "function");
    private static final int HEX_RADIX = 16;

    private final Map<String, List<Known>> events = new HashMap<>();
    private final List<Known> foreign = new ArrayList<>();
    private final TraceFormat format;

    private String thread = "";
    private String name = "";

    /** An event and the names of its numbers. */
    private record Known(TraceEvent event, Set<String> groups) {}

    TraceParser(TraceFormat format) {
        this.format = format;
        for (TraceEvent event : format.events()) {
            Set<String> groups = new HashSet<>();
            Matcher matcher = GROUP.matcher(event.text().pattern());
            while (matcher.find()) {
                groups.add(matcher.group(1));
            }
            Known known = new Known(event, groups);
            if (event.name().isEmpty()) {
                foreign.add(known);
            } else {
                events.computeIfAbsent(event.name(), key -> new ArrayList<>()).add(known);
            }
        }
    }

    /** How a line was understood. */
    enum Kind {
        /** An event that tells something. */
        EVENT,
        /** An event that is known to tell nothing which a capture has. */
        PASSED,
        /** An event of the architecture that is not known. */
        UNKNOWN,
        /** A known event with a text that is not. */
        MALFORMED,
        /** A line of something else. */
        OTHER
    }

    /**
     * A line that tells something.
     *
     * @param event which
     * @param thread that wrote it; empty if the line does not say
     * @param numbers by name
     * @param words the numbers' texts, by name
     */
    record Told(TraceEvent event, String thread, Map<String, Long> numbers, Map<String, String> words) {
        boolean has(String key) {
            return numbers.containsKey(key);
        }

        long number(String key) {
            return numbers.get(key);
        }

        Long optional(String key) {
            return numbers.get(key);
        }
    }

    private Told told;

    /** Reads a line. */
    Kind read(String line) {
        told = null;
        thread = "";
        name = "";
        String text = find(line);
        if (text == null) {
            for (Known known : foreign) {
                Matcher matcher = known.event().text().matcher(line);
                if (matcher.find()) {
                    told = told(known, matcher);
                    return Kind.EVENT;
                }
            }
            return Kind.OTHER;
        }
        List<Known> candidates = events.get(name);
        if (candidates == null) {
            return format.passed().contains(name) ? Kind.PASSED : Kind.UNKNOWN;
        }
        for (Known known : candidates) {
            Matcher matcher = known.event().text().matcher(text);
            if (matcher.lookingAt()) {
                try {
                    told = told(known, matcher);
                    return Kind.EVENT;
                } catch (NumberFormatException e) {
                    return Kind.MALFORMED;
                }
            }
        }
        return Kind.MALFORMED;
    }

    /** The text of the event in a line, with its name and thread noted; null if there is none of the architecture's. */
    private String find(String line) {
        if (format.prefixes().stream().noneMatch(line::contains)) {
            return null;
        }
        Matcher stamped = STAMPED.matcher(line);
        if (stamped.matches() && isOurs(stamped.group(2))) {
            thread = stamped.group(1);
            name = stamped.group(2);
            return stamped.group(3) == null ? "" : stamped.group(3);
        }
        Matcher plain = PLAIN.matcher(line);
        int from = 0;
        while (plain.region(from, line.length()).matches()) {
            if (isOurs(plain.group(1))) {
                name = plain.group(1);
                return plain.group(2) == null ? "" : plain.group(2);
            }
            from = plain.end(1);
        }
        return null;
    }

    private boolean isOurs(String word) {
        return format.prefixes().stream().anyMatch(word::startsWith);
    }

    private static Told told(Known known, Matcher matcher) {
        Map<String, Long> numbers = new HashMap<>();
        Map<String, String> words = new HashMap<>();
        for (String group : known.groups()) {
            String text = matcher.group(group);
            if (text != null) {
                words.put(group, text);
                if (!group.equals("opcode")) {
                    numbers.put(group, number(group, text, known.event().kind()));
                }
            }
        }
        if (numbers.containsKey("bus")) {
            long devfn = numbers.get("device") << 3 | numbers.get("function");
            numbers.put("dev", numbers.get("bus") << Byte.SIZE | devfn);
        }
        return new Told(known.event(), "", numbers, words);
    }

    private static long number(String group, String text, TraceEvent.Kind kind) {
        if (text.startsWith("0x")) {
            return Long.parseUnsignedLong(text, 2, text.length(), HEX_RADIX);
        }
        boolean hex = HEX_GROUPS.contains(group) || kind == TraceEvent.Kind.REGISTERS;
        return hex ? Long.parseUnsignedLong(text, HEX_RADIX) : Long.parseLong(text);
    }

    /** The event of the last line, if it was one. */
    Told told() {
        return new Told(told.event(), thread, told.numbers(), told.words());
    }

    /** Name of the last line's event. */
    String name() {
        return name;
    }
}
