package org.iommu4j.upgrade.record;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.iommu4j.upgrade.RecordResult.Comparison;
import org.iommu4j.upgrade.RecordResult.Difference;
import org.iommu4j.upgrade.RecordResult.Kind;

/** Counts comparisons by kind, and keeps the first differences of each. */
final class Findings {
    private final int kept;
    private final Map<Kind, Long> compared = new EnumMap<>(Kind.class);
    private final Map<Kind, Long> different = new EnumMap<>(Kind.class);
    private final Map<Kind, Long> left = new EnumMap<>(Kind.class);
    private final List<Difference> differences = new ArrayList<>();

    /** Keeps so many differences of each kind. */
    Findings(int kept) {
        this.kept = kept;
    }

    /** Counts a comparison; true if there is room for the details of a difference. */
    boolean count(Kind kind, boolean equal) {
        compared.merge(kind, 1L, Long::sum);
        return !equal && different.merge(kind, 1L, Long::sum) <= kept;
    }

    /** Counts what could not be compared. */
    void leave(Kind kind) {
        left.merge(kind, 1L, Long::sum);
    }

    /** Keeps a difference. */
    void keep(Difference difference) {
        differences.add(difference);
    }

    /** All counts; every kind is there. */
    Map<Kind, Comparison> comparisons() {
        Map<Kind, Comparison> all = new EnumMap<>(Kind.class);
        for (Kind kind : Kind.values()) {
            all.put(
                    kind,
                    new Comparison(
                            compared.getOrDefault(kind, 0L),
                            different.getOrDefault(kind, 0L),
                            left.getOrDefault(kind, 0L)));
        }
        return all;
    }

    /** The differences that were kept, in order of the record. */
    List<Difference> differences() {
        return differences;
    }
}
