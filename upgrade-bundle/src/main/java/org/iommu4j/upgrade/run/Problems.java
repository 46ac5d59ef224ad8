package org.iommu4j.upgrade.run;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.core.hint.ExplainHints;
import org.iommu4j.core.service.OneLine;

/** Problems of a run, from all its threads; bounded. */
final class Problems {
    private static final int LIMIT = 32;

    private final List<String> lines = new ArrayList<>();
    private long further;

    /** Adds one line. */
    synchronized void add(String line) {
        if (lines.size() < LIMIT) {
            lines.add(line);
        } else {
            further++;
        }
    }

    /** Adds what a thread died of. */
    void add(String who, Throwable cause) {
        String message = cause.getMessage();
        add(who + " failed: " + (message == null ? cause.getClass().getSimpleName() : OneLine.message(message)));
    }

    /** Adds one line about bytes, with the command lines that decode them. */
    void add(String line, List<String> explain) {
        add(explain.isEmpty() ? line : line + "; " + String.join("; ", explain));
    }

    /**
     * Adds what is the chip's fault among a sanitizer's findings.
     *
     * @param hints what decodes the bytes of the model
     * @return how many accesses it concerns
     */
    long stale(String where, SanitizerReport report, ExplainHints hints) {
        for (Finding finding : report.findings()) {
            if (finding.kind() == Finding.Kind.STALE_AFTER_COMPLETION) {
                add(where + ": " + finding.text(), hints.finding(finding));
            }
        }
        return report.chipFaults();
    }

    /** All of them. */
    synchronized List<String> lines() {
        List<String> all = new ArrayList<>(lines);
        if (further > 0) {
            all.add("and " + further + " more");
        }
        return all;
    }
}
