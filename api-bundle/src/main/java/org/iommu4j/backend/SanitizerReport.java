package org.iommu4j.backend;

import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The findings of a sanitizer, and how much it has seen.
 *
 * @param edits changes of words that tables in use consist of
 * @param fills entries that a chip may have kept
 * @param commands invalidations
 * @param accesses accesses of devices
 * @param counts findings by kind, all of them; no key for what was not found
 * @param findings the first ones, with their details
 */
public record SanitizerReport(
        long edits, long fills, long commands, long accesses, Map<Finding.Kind, Long> counts, List<Finding> findings) {
    /** Nothing was observed. */
    public static final SanitizerReport NONE = new SanitizerReport(0, 0, 0, 0, Map.of(), List.of());

    /** Copies map and list. */
    public SanitizerReport {
        Map<Finding.Kind, Long> ordered = new EnumMap<>(Finding.Kind.class);
        ordered.putAll(counts);
        counts = Collections.unmodifiableMap(ordered);
        findings = List.copyOf(findings);
    }

    /** Both together. */
    public SanitizerReport plus(SanitizerReport other) {
        Map<Finding.Kind, Long> all = new EnumMap<>(Finding.Kind.class);
        all.putAll(counts);
        other.counts.forEach((kind, count) -> all.merge(kind, count, Long::sum));
        return new SanitizerReport(
                edits + other.edits,
                fills + other.fills,
                commands + other.commands,
                accesses + other.accesses,
                all,
                Stream.concat(findings.stream(), other.findings.stream()).toList());
    }

    /** How many findings there are of a kind. */
    public long count(Finding.Kind kind) {
        return counts.getOrDefault(kind, 0L);
    }

    /** Uses that are the fault of the chip or of its driver. */
    public long chipFaults() {
        return count(Finding.Kind.STALE_AFTER_COMPLETION);
    }
}
