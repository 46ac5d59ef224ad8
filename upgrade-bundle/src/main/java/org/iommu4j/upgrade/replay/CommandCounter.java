package org.iommu4j.upgrade.replay;

import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.iommu4j.upgrade.ReplayResult.CommandTally;

/** Counts what became of the commands of one kind. */
final class CommandCounter {
    /** Most reasons that are kept apart. */
    private static final int MAX_REASONS = 64;

    private final Map<String, Long> reasons = new TreeMap<>();

    /** Each reason with what decodes the first command that was refused for it, so that equal reasons stay equal. */
    private final Map<String, String> explained = new HashMap<>();

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

    /**
     * Counts a refusal.
     *
     * @param explain gives what decodes the command; of equal reasons the first is named
     */
    void refused(String reason, Supplier<String> explain) {
        String known = explained.get(reason);
        if (known == null) {
            String hint = explain.get();
            known = hint.isEmpty() ? reason : reason + "; the first: " + hint;
            if (explained.size() < MAX_REASONS) {
                explained.put(reason, known);
            }
        }
        refused(known);
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
