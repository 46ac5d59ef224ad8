package org.iommu4j.upgrade.run;

import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.contract.Errno;
import org.iommu4j.core.hint.ExplainHints;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.Progress;
import org.iommu4j.core.service.Unit;
import org.iommu4j.upgrade.ReplayResult.Difference;
import org.iommu4j.upgrade.ReplayResult.RequestTally;
import org.iommu4j.upgrade.Tally;
import org.iommu4j.upgrade.capture.Capture;
import org.iommu4j.upgrade.capture.CaptureScan;
import org.iommu4j.upgrade.replay.GuestRun;

/** Replays the captured guest again and again; the last replay that it began is played to its end. */
final class GuestLoop implements Runnable {
    private static final long RETRY_MILLIS = 5;

    private final IommuService service;
    private final Capture capture;
    private final CaptureScan scan;
    private final Map<String, HardwareConfig> configs;
    private final Set<Integer> generations;
    private final BooleanSupplier goOn;
    private final Problems problems;
    private int replays;
    private RequestTally requests = RequestTally.NONE;
    private RequestTally counted = RequestTally.NONE;
    private Tally translations = Tally.NONE;
    private final Map<String, Long> notJudged = new TreeMap<>();
    private long parked;
    private long stale;
    private SanitizerReport findings = SanitizerReport.NONE;
    private final AtomicLong sentBefore = new AtomicLong();
    private final AtomicLong translatedBefore = new AtomicLong();
    private volatile GuestRun current;
    private final Progress progress = new Progress();

    /** @param generations that the host's chips may have */
    GuestLoop(
            IommuService service,
            Capture capture,
            CaptureScan scan,
            Map<String, HardwareConfig> configs,
            Set<Integer> generations,
            BooleanSupplier goOn,
            Problems problems) {
        this.service = service;
        this.capture = capture;
        this.scan = scan;
        this.configs = configs;
        this.generations = generations;
        this.goOn = goOn;
        this.problems = problems;
    }

    @Override
    public void run() {
        try {
            do {
                try (GuestRun run = begin()) {
                    current = run;
                    run.play(() -> true);
                    replays++;
                    add(run);
                    current = null;
                }
            } while (goOn.getAsBoolean());
        } catch (Throwable e) {
            problems.add("the replayed guest", e);
        }
    }

    /** A machine cannot be made while no backend serves, as during an update in place. */
    private GuestRun begin() {
        long deadline = System.nanoTime() + Unit.DMA_WAIT_NANOS;
        while (true) {
            try {
                return new GuestRun(service, capture, scan, configs, generations, progress);
            } catch (BackendException e) {
                if (e.errno() != Errno.ENODEV || System.nanoTime() - deadline > 0) {
                    throw e;
                }
            }
            try {
                Thread.sleep(RETRY_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new BackendException(Errno.ENODEV, "interrupted while waiting for a backend", e);
            }
        }
    }

    private void add(GuestRun run) {
        requests = requests.plus(run.requests());
        counted = counted.plus(run.counted());
        translations = translations.plus(run.translations());
        run.notJudged().forEach((reason, count) -> notJudged.merge(reason, count, Long::sum));
        parked += run.parked();
        SanitizerReport found = run.findings();
        findings = findings.plus(found);
        stale += problems.stale("replay " + replays, found, ExplainHints.of(service, capture.model()));
        sentBefore.addAndGet(run.sent());
        translatedBefore.addAndGet(run.translated());
        if (run.refusals() > 0) {
            problems.add("replay " + replays + ": " + run.refusals() + " commands of the guest were refused: "
                    + run.requests().refused().entrySet().stream()
                            .map(one -> one.getValue() + " by " + one.getKey())
                            .collect(Collectors.joining(", ")));
        }
        for (Difference difference : run.differences()) {
            problems.add(
                    "replay " + replays + ": " + (difference.unit().isEmpty() ? "" : "unit " + difference.unit() + " ")
                            + difference.what() + " t=" + difference.t() + " iova=0x"
                            + Long.toHexString(difference.address()) + " expected " + difference.expected() + ", got "
                            + difference.got(),
                    difference.explain());
        }
    }

    /** Records so far; for other threads. */
    long records() {
        return progress.begun();
    }

    /** Requests so far; for other threads. */
    long sent() {
        GuestRun run = current;
        return sentBefore.get() + (run == null ? 0 : run.sent());
    }

    /** Translations so far; for other threads. */
    long translated() {
        GuestRun run = current;
        return translatedBefore.get() + (run == null ? 0 : run.translated());
    }

    /** Replays from begin to end. */
    int replays() {
        return replays;
    }

    /** Counts of the guest's requests, and of the answers. */
    RequestTally requests() {
        return requests;
    }

    /** The same as the containers counted it. */
    RequestTally counted() {
        return counted;
    }

    /** Translations that could not be compared, by reason. */
    Map<String, Long> notJudged() {
        return notJudged;
    }

    /** Translations compared with the capture. */
    Tally translations() {
        return translations;
    }

    /** Translations that were used though a completed invalidation had to drop them. */
    long stale() {
        return stale;
    }

    /** Findings of the sanitizer in all replays. */
    SanitizerReport findings() {
        return findings;
    }

    /** Requests that waited. */
    long parked() {
        return parked;
    }
}
