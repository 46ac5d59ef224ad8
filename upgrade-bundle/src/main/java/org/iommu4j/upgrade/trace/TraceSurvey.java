package org.iommu4j.upgrade.trace;

import java.util.HashMap;
import java.util.Map;
import org.iommu4j.upgrade.trace.TraceParser.Told;

/** First look at a whole trace before it is converted: which command stands last in each slot of the ring at the stop. */
final class TraceSurvey implements TraceSink {
    private static final int MOST_SLOTS = 1 << 20;

    /** Number of the last command by slot. */
    private final Map<Integer, Long> last = new HashMap<>();

    /** Registers that the guest had read first, by offset. */
    private boolean stopped;

    /** True if the ring still holds that command at the stop. */
    boolean isInRing(long number, int slot) {
        return last.getOrDefault(slot, -1L) == number;
    }

    @Override
    public void command(long number, int slot, long base, Told told) {
        if (!stopped && (last.containsKey(slot) || last.size() < MOST_SLOTS)) {
            last.put(slot, number);
        }
    }

    @Override
    public void stop() {
        stopped = true;
    }

    @Override
    public void write(long offset, int sizeBytes, long value) {
        // Not in the ring.
    }

    @Override
    public void read(long offset, int sizeBytes, long value) {
        // Not in the ring.
    }

    @Override
    public void translation(Told told, Map<String, Long> known, Boolean hit, String fault) {
        // Not in the ring.
    }

    @Override
    public void interrupt(Told told) {
        // Not in the ring.
    }

    @Override
    public void fault() {
        // Not in the ring.
    }
}
