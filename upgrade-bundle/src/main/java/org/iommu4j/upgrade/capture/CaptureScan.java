package org.iommu4j.upgrade.capture;

import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.iommu4j.upgrade.CaptureException;

/**
 * The facts that a replay needs before it begins: the units of the machine, the chip of each of them, and when the
 * guest edited its structures.
 *
 * @param records number of records by kind
 * @param units of the machine by name, in order; a machine with one unit may have it without a name
 */
public record CaptureScan(Map<String, Long> records, Map<String, UnitScan> units) {
    /** Most units of a machine. */
    static final int MOST_UNITS = 64;

    /** Most kinds of records that are counted by name. */
    private static final int MAX_KINDS = 64;

    /** Numbers in their order, then names. */
    private static final Comparator<String> ORDER =
            Comparator.comparingInt(String::length).thenComparing(Comparator.naturalOrder());

    /** Copies the collections. */
    public CaptureScan {
        records = Map.copyOf(records);
        Map<String, UnitScan> ordered = new TreeMap<>(ORDER);
        ordered.putAll(units);
        units = Collections.unmodifiableMap(ordered);
    }

    /**
     * Reads a capture's timeline from its begin to its end.
     *
     * @throws CaptureException if it is cut or malformed, names a unit that it does not describe, or does not say what a chip
     *     can do
     */
    public static CaptureScan of(Capture capture) {
        return new Scanner(capture).scan();
    }

    /** True if the machine has several units, so that what is said must say of which one. */
    public boolean hasSeveralUnits() {
        return units.size() > 1;
    }

    /** The name of the first unit. */
    public String firstUnit() {
        return units.keySet().iterator().next();
    }

    /** The first unit. */
    public UnitScan first() {
        return units.values().iterator().next();
    }

    /**
     * The unit to which a record goes that names one, or none.
     *
     * @return a name among {@link #units}: of a machine with one unit always that one, and of a call that names another one,
     *     which the captured machine refused, the first one, which refuses it as well
     */
    public String unitOf(String named) {
        return units.containsKey(named) ? named : firstUnit();
    }

    private static final class Scanner {
        private final Capture capture;
        private final Map<String, Long> records = new TreeMap<>();
        private final Map<String, UnitScanner> scanners = new TreeMap<>(ORDER);

        /** Units that the frozen registers or records describe. */
        private final Set<String> described = new LinkedHashSet<>();

        /** By unit that records name: the error at the first such record, should nothing describe the unit. */
        private final Map<String, CaptureException> firstNamed = new TreeMap<>(ORDER);

        private Scanner(Capture capture) {
            this.capture = capture;
            described.addAll(capture.frozen().units().described());
        }

        private CaptureScan scan() {
            try (Timeline timeline = capture.timeline()) {
                CaptureRecord next = timeline.next();
                if (next == null) {
                    throw new CaptureException(Timeline.FILE, 0, 0, "", "holds no record");
                }
                while (next != null) {
                    count(timeline.kind());
                    take(timeline, next);
                    next = timeline.next();
                }
            }
            if (described.isEmpty() && scanners.size() == 1) {
                described.addAll(scanners.keySet());
            }
            firstNamed.keySet().removeAll(described);
            for (CaptureException undescribed : firstNamed.values()) {
                throw undescribed;
            }
            Map<String, UnitScan> units = new TreeMap<>(ORDER);
            for (String unit : described) {
                units.put(unit, scanner(unit).scan());
            }
            return new CaptureScan(records, units);
        }

        private void count(String kind) {
            String known = records.containsKey(kind) || records.size() < MAX_KINDS ? kind : "further kinds";
            records.merge(known, 1L, Long::sum);
        }

        private void take(Timeline timeline, CaptureRecord next) {
            String named = timeline.unit();
            String unit = named.isEmpty() && described.size() == 1
                    ? described.iterator().next()
                    : named;
            if (next instanceof CaptureRecord.Other other) {
                if (other.describes()) {
                    describe(timeline, unit);
                }
                if (!other.facts().isEmpty()) {
                    scanner(unit).take(next);
                }
                return;
            }
            if (unit.isEmpty() && !described.isEmpty()) {
                throw timeline.rejectUnit("says not which unit it concerns: " + String.join(", ", described));
            }
            if (!unit.isEmpty() && !described.contains(unit)) {
                boolean refused = next instanceof CaptureRecord.Call call && call.code() != 0;
                if (refused && !described.isEmpty()) {
                    return;
                }
                firstNamed.putIfAbsent(unit, timeline.rejectUnit(CapturedUnits.undescribed(unit, described)));
                expectRoom(timeline, firstNamed.size());
            }
            scanner(unit).take(next);
        }

        private void describe(Timeline timeline, String unit) {
            described.add(unit);
            expectRoom(timeline, described.size());
        }

        private static void expectRoom(Timeline timeline, int units) {
            if (units > MOST_UNITS) {
                throw timeline.rejectUnit("is that of one unit more than " + MOST_UNITS);
            }
        }

        private UnitScanner scanner(String unit) {
            return scanners.computeIfAbsent(
                    unit,
                    name -> new UnitScanner(
                            capture.format(),
                            capture.frozen().registers(name),
                            capture.frozen().wasStopped() ? capture.frozen().stoppedAt() : Long.MAX_VALUE));
        }
    }
}
