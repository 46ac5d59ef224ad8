package org.iommu4j.shell.text;

import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongSupplier;
import org.iommu4j.testbench.CaseResult;
import org.iommu4j.testbench.CaseResult.Outcome;

/** Counts and times of cases, for each file that they are from. */
public final class FileCounts {
    private final Map<String, Counts> files = new LinkedHashMap<>();
    private final LongSupplier nanoTime;
    private long last;

    /** Nothing was counted yet; the first case begins now. */
    public FileCounts(LongSupplier nanoTime) {
        this.nanoTime = nanoTime;
        last = nanoTime.getAsLong();
    }

    private static final class Counts {
        private final Map<Outcome, Integer> outcomes = new EnumMap<>(Outcome.class);
        private long nanos;
    }

    /** A case has ended; the next one begins. */
    public void add(CaseResult result) {
        long now = nanoTime.getAsLong();
        Counts counts = files.computeIfAbsent(result.source().file(), file -> new Counts());
        counts.outcomes.merge(result.outcome(), 1, Integer::sum);
        counts.nanos += now - last;
        last = now;
    }

    /** Cases that ended so. */
    public int count(Outcome outcome) {
        return files.values().stream()
                .mapToInt(counts -> counts.outcomes.getOrDefault(outcome, 0))
                .sum();
    }

    /** A table with a row for each file; empty if there is only one. */
    public String table(int width) {
        if (files.size() < 2) {
            return "";
        }
        TextTable table = new TextTable("file", "passed", "failed", "skipped", "ms");
        files.forEach((file, counts) -> table.row(
                file,
                counts.outcomes.getOrDefault(Outcome.PASSED, 0),
                counts.outcomes.getOrDefault(Outcome.FAILED, 0),
                counts.outcomes.getOrDefault(Outcome.SKIPPED, 0),
                Texts.millis(counts.nanos)));
        return table.render(width);
    }
}
