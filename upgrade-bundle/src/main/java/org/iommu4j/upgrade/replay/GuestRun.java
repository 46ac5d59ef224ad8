package org.iommu4j.upgrade.replay;

import java.util.List;
import java.util.function.BooleanSupplier;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.core.hint.ExplainHints;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.Progress;
import org.iommu4j.upgrade.ReplayResult.CommandTally;
import org.iommu4j.upgrade.ReplayResult.Difference;
import org.iommu4j.upgrade.ReplayResult.RequestTally;
import org.iommu4j.upgrade.Tally;
import org.iommu4j.upgrade.capture.Capture;
import org.iommu4j.upgrade.capture.CaptureScan;

/** One run of a captured guest on the contract path, from begin to end, which another thread may watch. */
public final class GuestRun implements AutoCloseable {
    private static final int KEPT_DIFFERENCES = 8;

    private final GuestMachine machine;
    private final Player player;
    private final Differences differences;

    /** A guest on a host of its own; the progress is told of each record. */
    public GuestRun(IommuService service, Capture capture, CaptureScan scan, HardwareConfig config, Progress progress) {
        differences = new Differences(
                KEPT_DIFFERENCES, ExplainHints.of(service, capture.model().model()));
        machine = new GuestMachine(service, capture.model(), config, Sanitizer.Mode.CAPTURE);
        player = new Player(capture, scan, machine, false, differences, progress);
    }

    /**
     * Plays the guest.
     *
     * @return true if its end was reached
     */
    public boolean play(BooleanSupplier goOn) {
        return player.play(goOn);
    }

    /** What it sent, and what came back. */
    public RequestTally requests() {
        return machine.containers().requests();
    }

    /** The same as its containers counted it. */
    public RequestTally counted() {
        return machine.containers().counted();
    }

    /** Requests that waited for a backend or a swap. */
    public long parked() {
        return machine.containers().parked();
    }

    /** Requests so far; for other threads too. */
    public long sent() {
        return machine.containers().sent();
    }

    /** Translations so far; for other threads too. */
    public long translated() {
        return player.translated();
    }

    /** Translations compared with the capture. */
    public Tally translations() {
        return player.translations();
    }

    /** The first translations that differed. */
    public List<Difference> differences() {
        return List.copyOf(differences.kept());
    }

    /** What the sanitizer found so far. */
    public SanitizerReport findings() {
        return machine.findings();
    }

    /** Commands and other effects of the guest that were refused. */
    public long refusals() {
        long count = 0;
        for (CommandTally tally : player.journal().commands().values()) {
            count += tally.refused();
        }
        for (CommandTally tally : player.journal().sources().values()) {
            count += tally.refused();
        }
        return count;
    }

    @Override
    public void close() {
        machine.unit().close();
    }
}
