package org.iommu4j.upgrade;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.contract.IommuModel;

/**
 * Result of a replay.
 *
 * @param directory the capture
 * @param model its model
 * @param subVersion the generation of the chip
 * @param options how it was replayed
 * @param commands by kind, as the capture spells it
 * @param sources what the guest caused otherwise, by source: register writes, accesses of devices
 * @param requests contract requests; all zero on the direct path
 * @param translations compared with the capture
 * @param registers register reads, and answers of calls, compared with the capture
 * @param walks frozen walks compared with the capture
 * @param records records of the timeline by kind
 * @param notModelled records that the replay counts and passes over, by kind
 * @param notJudged translations that could not be compared, by reason
 * @param differences the first ones, see {@link ReplayOptions#keptDifferences}
 * @param notes what a reader should know
 * @param sanitizer what the sanitizer found; the frozen walks are not among what it saw
 * @param findingHints command lines that decode what a finding is about; nothing for one without bytes
 * @param units of a machine that has several, in order; else empty
 */
public record ReplayResult(
        String directory,
        IommuModel model,
        int subVersion,
        ReplayOptions options,
        Map<String, CommandTally> commands,
        Map<String, CommandTally> sources,
        RequestTally requests,
        Tally translations,
        Tally registers,
        Tally walks,
        Map<String, Long> records,
        Map<String, Long> notModelled,
        Map<String, Long> notJudged,
        List<Difference> differences,
        List<String> notes,
        SanitizerReport sanitizer,
        Map<Finding, List<String>> findingHints,
        List<UnitResult> units) {

    /** Copies maps, in order of their keys, and lists. */
    public ReplayResult {
        commands = Collections.unmodifiableMap(new TreeMap<>(commands));
        sources = Collections.unmodifiableMap(new TreeMap<>(sources));
        records = Collections.unmodifiableMap(new TreeMap<>(records));
        notModelled = Collections.unmodifiableMap(new TreeMap<>(notModelled));
        notJudged = Collections.unmodifiableMap(new TreeMap<>(notJudged));
        differences = List.copyOf(differences);
        notes = List.copyOf(notes);
        findingHints = Map.copyOf(findingHints);
        units = List.copyOf(units);
    }

    /** A result of which no finding is decoded. */
    public ReplayResult(
            String directory,
            IommuModel model,
            int subVersion,
            ReplayOptions options,
            Map<String, CommandTally> commands,
            Map<String, CommandTally> sources,
            RequestTally requests,
            Tally translations,
            Tally registers,
            Tally walks,
            Map<String, Long> records,
            Map<String, Long> notModelled,
            List<Difference> differences,
            List<String> notes,
            SanitizerReport sanitizer) {
        this(
                directory,
                model,
                subVersion,
                options,
                commands,
                sources,
                requests,
                translations,
                registers,
                walks,
                records,
                notModelled,
                Map.of(),
                differences,
                notes,
                sanitizer,
                Map.of(),
                List.of());
    }

    /** A result all of whose translations were compared. */
    public ReplayResult(
            String directory,
            IommuModel model,
            int subVersion,
            ReplayOptions options,
            Map<String, CommandTally> commands,
            Map<String, CommandTally> sources,
            RequestTally requests,
            Tally translations,
            Tally registers,
            Tally walks,
            Map<String, Long> records,
            Map<String, Long> notModelled,
            List<Difference> differences,
            List<String> notes,
            SanitizerReport sanitizer,
            Map<Finding, List<String>> findingHints,
            List<UnitResult> units) {
        this(
                directory,
                model,
                subVersion,
                options,
                commands,
                sources,
                requests,
                translations,
                registers,
                walks,
                records,
                notModelled,
                Map.of(),
                differences,
                notes,
                sanitizer,
                findingHints,
                units);
    }

    /** A result without a sanitizer. */
    public ReplayResult(
            String directory,
            IommuModel model,
            int subVersion,
            ReplayOptions options,
            Map<String, CommandTally> commands,
            Map<String, CommandTally> sources,
            RequestTally requests,
            Tally translations,
            Tally registers,
            Tally walks,
            Map<String, Long> records,
            Map<String, Long> notModelled,
            List<Difference> differences,
            List<String> notes) {
        this(
                directory,
                model,
                subVersion,
                options,
                commands,
                sources,
                requests,
                translations,
                registers,
                walks,
                records,
                notModelled,
                differences,
                notes,
                SanitizerReport.NONE);
    }

    /**
     * Outcomes of the commands of one kind.
     *
     * @param decoded recognized as what the capture says
     * @param translated became at least one contract request
     * @param executed done: every request of theirs completed, or the virtual IOMMU or the chip did them itself
     * @param refused not done
     * @param reasons of the refusals
     */
    public record CommandTally(long decoded, long translated, long executed, long refused, Map<String, Long> reasons) {
        /** Copies the map, in order of its keys. */
        public CommandTally {
            reasons = Collections.unmodifiableMap(new TreeMap<>(reasons));
        }
    }

    /**
     * Contract requests of a guest.
     *
     * @param sent given to a container
     * @param completed carried out
     * @param widened of these, how many dropped more than asked
     * @param refused by rule id, or by errno where no rule says so
     */
    public record RequestTally(long sent, long completed, long widened, Map<String, Long> refused) {
        /** No requests. */
        public static final RequestTally NONE = new RequestTally(0, 0, 0, Map.of());

        /** Copies the map, in order of its keys. */
        public RequestTally {
            refused = Collections.unmodifiableMap(new TreeMap<>(refused));
        }

        /** Both together. */
        public RequestTally plus(RequestTally other) {
            Map<String, Long> all = new TreeMap<>(refused);
            other.refused.forEach((reason, count) -> all.merge(reason, count, Long::sum));
            return new RequestTally(sent + other.sent, completed + other.completed, widened + other.widened, all);
        }

        /** Number of refused requests. */
        public long refusedTotal() {
            return refused.values().stream().mapToLong(Long::longValue).sum();
        }
    }

    /**
     * Result on one unit of a machine that has several.
     *
     * @param unit its name
     * @param subVersion the generation of its chip
     * @param translations compared with the capture
     * @param registers register reads, and answers of calls, compared with the capture
     * @param walks frozen walks compared with the capture
     * @param sanitizer what its sanitizer found
     */
    public record UnitResult(
            String unit, int subVersion, Tally translations, Tally registers, Tally walks, SanitizerReport sanitizer) {}

    /**
     * One outcome that is not as the capture says.
     *
     * @param unit name of the captured unit; empty if the machine has one
     * @param what translation, register, call, walk or requests
     * @param t of the record; -1 for a frozen walk, and for a call that brought the frozen machine up
     * @param requester of the access, 32 bits, unsigned; empty if there is none
     * @param address iova of the access, or offset of the register; 0 for calls and requests
     * @param expected by the capture
     * @param got from the chip
     * @param steps of the chip's walk, in order; empty if a cache answered
     * @param captured table entries that the captured hardware read for the same access; empty if its cache answered
     * @param explain command lines that decode the bytes at fault; empty if there are none
     */
    public record Difference(
            String unit,
            String what,
            long t,
            OptionalInt requester,
            long address,
            String expected,
            String got,
            List<Step> steps,
            List<Step> captured,
            List<String> explain) {
        /** Copies the lists. */
        public Difference {
            steps = List.copyOf(steps);
            captured = List.copyOf(captured);
            explain = List.copyOf(explain);
        }

        /** A difference without bytes at fault. */
        public Difference(
                String unit,
                String what,
                long t,
                OptionalInt requester,
                long address,
                String expected,
                String got,
                List<Step> steps,
                List<Step> captured) {
            this(unit, what, t, requester, address, expected, got, steps, captured, List.of());
        }
    }

    /**
     * One table entry that the chip read.
     *
     * @param what name of the structure
     * @param pa where it was read
     * @param word its first 64 bits
     */
    public record Step(String what, long pa, long word) {}

    /** Number of refused commands and refused effects of other sources. */
    public long refusals() {
        long count = 0;
        for (CommandTally tally : commands.values()) {
            count += tally.refused();
        }
        for (CommandTally tally : sources.values()) {
            count += tally.refused();
        }
        return count;
    }

    /**
     * True if nothing is different, nothing was refused, and no stale translation is the chip's fault. Register reads count
     * on the direct path only: on the contract path they come from a virtual IOMMU that may offer its own. A call that is not
     * answered as captured is refused on either path.
     *
     * <p>Containers that counted other requests than were sent stand among the differences.
     */
    public boolean ok() {
        return translations.different() == 0
                && walks.different() == 0
                && (options.path() == ReplayOptions.Path.CONTRACT || registers.different() == 0)
                && refusals() == 0
                && sanitizer.chipFaults() == 0
                && differences.stream()
                        .noneMatch(difference -> difference.what().equals("requests"));
    }

    /** Shows each finding with the name of the unit; the name is empty if the machine has one. */
    void forEachFinding(BiConsumer<String, Finding> action) {
        if (units.isEmpty()) {
            sanitizer.findings().forEach(finding -> action.accept("", finding));
        }
        units.forEach(unit -> unit.sanitizer().findings().forEach(finding -> action.accept(unit.unit(), finding)));
    }

    /** The report for people; lines end with a line feed. */
    public String toText() {
        return ReplayText.of(this);
    }

    /** The findings as JSON Lines. */
    public String findingsToJsonLines() {
        StringBuilder lines = new StringBuilder();
        forEachFinding((unit, finding) -> lines.append(
                        FindingJson.ofUnit(unit, finding, findingHints.getOrDefault(finding, List.of())))
                .append('\n'));
        return lines.toString();
    }

    /** The report as one JSON object in one line. */
    public String toJson() {
        return ReplayJson.of(this);
    }
}
