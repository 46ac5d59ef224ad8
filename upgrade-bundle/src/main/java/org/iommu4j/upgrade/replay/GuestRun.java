package org.iommu4j.upgrade.replay;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
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

    private final CapturedMachines<GuestMachine> machines;
    private final Player player;
    private final Differences differences;

    /**
     * A guest on a host of its own.
     *
     * @param configs of the chips that the guest sees, by unit
     * @param generations that the host's chips may have
     * @param progress is told of each record
     */
    public GuestRun(
            IommuService service,
            Capture capture,
            CaptureScan scan,
            Map<String, HardwareConfig> configs,
            Set<Integer> generations,
            Progress progress) {
        differences = new Differences(KEPT_DIFFERENCES, ExplainHints.of(service, capture.model()));
        machines = new CapturedMachines<>(
                configs,
                config -> new GuestMachine(service, capture.format(), config, generations, Sanitizer.Mode.CAPTURE));
        try {
            player = new Player(service, capture, scan, configs, machines, false, differences, progress);
        } catch (RuntimeException e) {
            machines.close();
            throw e;
        }
    }

    /**
     * Plays the guest.
     *
     * @return true if its end was reached
     */
    public boolean play(BooleanSupplier goOn) {
        return player.play(goOn);
    }

    private Stream<GuestContainers> containers() {
        return machines.byUnit().values().stream().map(GuestMachine::containers);
    }

    /** Counts of its requests, and of the answers. */
    public RequestTally requests() {
        return GuestMachine.requests(machines);
    }

    /** The same as its containers counted it. */
    public RequestTally counted() {
        return GuestMachine.counted(machines);
    }

    /** Requests that waited for a backend or a swap. */
    public long parked() {
        return containers().mapToLong(GuestContainers::parked).sum();
    }

    /** Requests so far; for other threads too. */
    public long sent() {
        return containers().mapToLong(GuestContainers::sent).sum();
    }

    /** Translations so far; for other threads too. */
    public long translated() {
        return player.translated();
    }

    /** Translations compared with the capture. */
    public Tally translations() {
        return player.translations();
    }

    /** Translations that cannot be judged, by reason. */
    public Map<String, Long> notJudged() {
        return player.notJudged();
    }

    /** The first translations that differed. */
    public List<Difference> differences() {
        return List.copyOf(differences.kept());
    }

    /** Findings of the sanitizer so far. */
    public SanitizerReport findings() {
        return machines.findings();
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
        player.close();
        machines.close();
    }
}
