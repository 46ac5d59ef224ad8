package org.iommu4j.upgrade;

import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * Result of playing a record.
 *
 * @param file the record
 * @param recordedWith the backends that were recorded, each once
 * @param playedWith the backends that were played against, each once
 * @param lines lines of the record by kind
 * @param kinds what was compared, in order of the kinds
 * @param drops cached entries that the requests dropped
 * @param notPlayed requests that were not played, by reason
 * @param differences the first of each kind, see {@link RecordOptions#keptDifferences}
 * @param notes what a reader should know
 * @param cutLine the line in which the record breaks off, so that only what is before it was played; 0 if it is whole
 */
public record RecordResult(
        String file,
        List<String> recordedWith,
        List<String> playedWith,
        Map<String, Long> lines,
        Map<Kind, Comparison> kinds,
        Drops drops,
        Map<String, Long> notPlayed,
        List<Difference> differences,
        List<String> notes,
        long cutLine) {

    /** The result of playing a whole record. */
    public RecordResult(
            String file,
            List<String> recordedWith,
            List<String> playedWith,
            Map<String, Long> lines,
            Map<Kind, Comparison> kinds,
            Drops drops,
            Map<String, Long> notPlayed,
            List<Difference> differences,
            List<String> notes) {
        this(file, recordedWith, playedWith, lines, kinds, drops, notPlayed, differences, notes, 0);
    }

    /** Copies lists and maps, in order of their keys. */
    public RecordResult {
        recordedWith = List.copyOf(recordedWith);
        playedWith = List.copyOf(playedWith);
        lines = Collections.unmodifiableMap(new TreeMap<>(lines));
        kinds = Collections.unmodifiableMap(new TreeMap<>(kinds));
        notPlayed = Collections.unmodifiableMap(new TreeMap<>(notPlayed));
        differences = List.copyOf(differences);
        notes = List.copyOf(notes);
    }

    /** Kinds of differences. */
    public enum Kind {
        /** Whether, and by which shims, host and client meet. */
        AGREEMENT,
        /** The error. */
        ERRNO,
        /** Rule and field of a refusal with the same error. */
        RULE,
        /** The number of requests handled, and whether more was dropped than was asked for. */
        FIDELITY,
        /** The native commands, but for those that only await completion. */
        NATIVE,
        /** The cached entries that were dropped. */
        CACHE,
        /** The address of an access that walked the tables. */
        ACCESS;

        /** The name in reports. */
        public String label() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * Comparisons of one kind.
     *
     * @param compared all
     * @param different those that were not equal
     * @param left those that could not be compared
     */
    public record Comparison(long compared, long different, long left) {
        /** No comparison. */
        public static final Comparison NONE = new Comparison(0, 0, 0);

        /** Those that were equal. */
        public long equal() {
            return compared - different;
        }
    }

    /**
     * Cached entries that the requests dropped, as far as their effect is known on both sides.
     *
     * @param both dropped on both sides
     * @param onlyRecorded dropped in the record; the player's caches did not hold them
     * @param onlyPlayed dropped by the player; the recorded caches did not hold them
     */
    public record Drops(long both, long onlyRecorded, long onlyPlayed) {}

    /**
     * One difference.
     *
     * @param kind what differs
     * @param line number of the line in the record
     * @param unit the record's number of the unit
     * @param container the record's number of the container; -1 for an access
     * @param what the request
     * @param expected as recorded
     * @param got from the player
     * @param explain command lines that decode what is concerned; empty if there is nothing to decode
     */
    public record Difference(
            Kind kind,
            long line,
            int unit,
            int container,
            String what,
            String expected,
            String got,
            List<String> explain) {
        /** Copies the list. */
        public Difference {
            explain = List.copyOf(explain);
        }
    }

    /** The comparisons of a kind. */
    public Comparison of(Kind kind) {
        return kinds.getOrDefault(kind, Comparison.NONE);
    }

    /** True if the record is whole and nothing differs. */
    public boolean ok() {
        return cutLine == 0 && kinds.values().stream().allMatch(comparison -> comparison.different() == 0);
    }

    /** The report for people; lines end with a line feed. */
    public String toText() {
        return RecordReport.text(this);
    }

    /** The report as one JSON object in one line. */
    public String toJson() {
        return RecordReport.json(this);
    }
}
