package org.iommu4j.core.service;

import java.util.List;
import org.iommu4j.contract.IommuModel;

/**
 * How a swap went, or would go.
 *
 * @param model the model
 * @param from version that served before; empty if none
 * @param to version that was to serve; empty if the old one left and there was no other
 * @param outcome how it ended
 * @param reason why it was refused or rolled back, or why units had to be rebuilt; empty if nothing is to be said
 * @param pauseNanos time in nanoseconds from the first call that had to wait until the last unit was open again
 * @param units units that were moved
 * @param parked requests that waited
 * @param cachesDropped true if the new chips started with empty caches: more was dropped than asked
 * @param surviving containers whose agreement stays
 * @param lost containers that cannot go on with the new backend, with the reason
 */
public record SwapReport(
        IommuModel model,
        String from,
        String to,
        Outcome outcome,
        String reason,
        long pauseNanos,
        int units,
        int parked,
        boolean cachesDropped,
        List<String> surviving,
        List<String> lost) {
    /** How a swap ended. */
    public enum Outcome {
        /** The new backend serves. */
        DONE,
        /** A preview: nothing was changed. */
        PREVIEWED,
        /** Not begun: a check failed. */
        REFUSED,
        /** Begun, failed, and everything is as before. */
        ROLLED_BACK
    }

    /** Copies the lists. */
    public SwapReport {
        surviving = List.copyOf(surviving);
        lost = List.copyOf(lost);
    }
}
