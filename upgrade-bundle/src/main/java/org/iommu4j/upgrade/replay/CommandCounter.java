package org.iommu4j.upgrade.replay;

import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.upgrade.ReplayResult.CommandTally;

/** Counts what became of the commands of one kind. */
final class CommandCounter {
    /** Most reasons that are kept apart. */
    private static final int MAX_REASONS = 64;

    private final Map<String, Long> reasons = new TreeMap<>();
    private long decoded;
    private long translated;
    private long executed;
    private long refused;

    void decoded() {
        decoded++;
    }

    void translated() {
        translated++;
    }

    void executed() {
        executed++;
    }

    void refused(String reason) {
        refused++;
        String kept = reasons.containsKey(reason) || reasons.size() < MAX_REASONS ? reason : "further reasons";
        reasons.merge(kept, 1L, Long::sum);
    }

    CommandTally tally() {
        return new CommandTally(decoded, translated, executed, refused, reasons);
    }
}
