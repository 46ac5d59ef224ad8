package org.iommu4j.core.swap;

import java.util.List;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.backends.BackendEntry;
import org.iommu4j.core.backends.CoreEvents;
import org.iommu4j.core.containers.CoreUnit;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.core.service.SwapReport.Outcome;

/** One change of the backend that serves, as its report tells it: from whom, how long units paused, how many calls waited. */
final class Undertaking {
    private final IommuModel model;
    private final List<CoreUnit> units;
    private final CoreEvents events;
    private final String from;
    private final SwapLimits limits;

    /** When the pause began, as {@link System#nanoTime} counts; 0 if none has. */
    private long pausedAt;

    private long parkedBefore;

    /** Length of the pause in nanoseconds; -1 until it has ended. */
    private long pauseNanos = -1;

    private CoreEvents.Way way = CoreEvents.Way.SIDE_BY_SIDE;

    /**
     * One that begins.
     *
     * @param from version of the backend that served; empty if none did
     */
    Undertaking(IommuModel model, List<CoreUnit> units, CoreEvents events, String from, SwapLimits limits) {
        this.model = model;
        this.units = units;
        this.events = events;
        this.from = from;
        this.limits = limits;
    }

    /** Version of the backend that served; empty if none did. */
    String from() {
        return from;
    }

    /** How long it may take. */
    SwapLimits limits() {
        return limits;
    }

    /** A backend takes over where none serves: after one that has left, or for the first time. */
    void inPlace() {
        way = from.isEmpty() ? CoreEvents.Way.IN_PLACE : CoreEvents.Way.SUCCESSION;
    }

    /** A pause that has begun goes on: a backend that leaves and its successor make one. */
    void pauseBegins() {
        if (pausedAt == 0) {
            parkedBefore = parkedTotal();
            pausedAt = System.nanoTime();
        }
    }

    /** Calls go on. */
    void pauseEnds() {
        pauseNanos = System.nanoTime() - pausedAt;
    }

    private long parkedTotal() {
        long total = 0;
        for (CoreUnit unit : units) {
            total += unit.gate().parkedTotal();
        }
        return total;
    }

    /** Reports the outcome to users and to the log. */
    SwapReport report(BackendEntry to, Outcome outcome, String reason, Handover handover, List<String> lost) {
        SwapReport report = build(to, outcome, reason, handover, lost);
        events.swapped(report, way);
        return report;
    }

    /** The report that nobody has been given yet. */
    SwapReport build(BackendEntry to, Outcome outcome, String reason, Handover handover, List<String> lost) {
        if (pauseNanos < 0 && pausedAt != 0) {
            pauseEnds();
        }
        return new SwapReport(
                model,
                from,
                to == null ? "" : to.description().version(),
                outcome,
                reason,
                Math.max(0, pauseNanos),
                handover == null ? 0 : handover.size(),
                pausedAt == 0 ? 0 : (int) Math.max(0, parkedTotal() - parkedBefore),
                outcome == Outcome.DONE && handover != null && handover.size() > 0,
                handover == null ? List.of() : handover.surviving(),
                lost);
    }
}
