package org.iommu4j.simulation.sanitizer;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.iommu4j.backend.Finding;

/** Findings, those of one cause together. */
final class FindingLog {
    /** Most findings of each kind that are kept with details. */
    private static final int KEPT = 1000;

    /** Findings of one cause are one finding: the kind, and an edit, a command or a name. */
    private record Cause(Finding.Kind kind, Object what) {}

    private final Map<Cause, Finding> byCause = new LinkedHashMap<>();
    private final Map<Finding.Kind, Integer> kept = new EnumMap<>(Finding.Kind.class);
    private final Map<Finding.Kind, Long> counts = new EnumMap<>(Finding.Kind.class);

    FindingLog() {}

    FindingLog(FindingLog other) {
        byCause.putAll(other.byCause);
        kept.putAll(other.kept);
        counts.putAll(other.counts);
    }

    /** Adds a finding; its count is added to the first of the same cause. */
    void add(Object cause, Finding finding) {
        Cause key = new Cause(finding.kind(), cause);
        Finding first = byCause.get(key);
        if (first != null) {
            byCause.put(key, first.plus(finding.count(), finding.cost()));
        } else if (kept.merge(finding.kind(), 1, Integer::sum) <= KEPT) {
            byCause.put(key, finding);
        }
        counts.merge(finding.kind(), finding.count(), Long::sum);
    }

    Map<Finding.Kind, Long> counts() {
        return counts;
    }

    List<Finding> findings() {
        return new ArrayList<>(byCause.values());
    }
}
