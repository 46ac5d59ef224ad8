package org.iommu4j.upgrade.replay;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.TreeSet;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.HardwareCounters;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.hint.ExplainHints;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.Progress;
import org.iommu4j.core.service.Watch;
import org.iommu4j.upgrade.ReplayOptions;
import org.iommu4j.upgrade.ReplayRefusedException;
import org.iommu4j.upgrade.ReplayResult;
import org.iommu4j.upgrade.ReplayService;
import org.iommu4j.upgrade.Tally;
import org.iommu4j.upgrade.capture.Capture;
import org.iommu4j.upgrade.capture.CaptureScan;

/**
 * Replays captured guests through the core's services. The timeline is read twice: once to check it from begin to end and to
 * find when the guest edited its structures, then to play it; neither keeps it in memory.
 */
public final class Replay implements ReplayService {
    private final IommuService service;
    private final long limitNanos;

    /** A replay through a core; a record that does not come back in the tools' usual time hangs. */
    public Replay(IommuService service) {
        this(service, Watch.DEFAULT_LIMIT_NANOS);
    }

    /** The same with another limit. */
    Replay(IommuService service, long limitNanos) {
        this.service = service;
        this.limitNanos = limitNanos;
    }

    @Override
    public ReplayResult replay(Path directory, ReplayOptions options) {
        Capture capture = Capture.open(directory);
        CaptureScan scan = CaptureScan.of(capture);
        try (Watch watch = new Watch(limitNanos)) {
            return watch.run(progress -> replay(capture, scan, options, progress));
        } catch (Watch.HangException e) {
            throw e.toUsers("the machine");
        }
    }

    private ReplayResult replay(Capture capture, CaptureScan scan, ReplayOptions options, Progress progress) {
        HardwareConfig config = config(service, capture, scan, options.cache());
        ExplainHints hints = ExplainHints.of(service, capture.model().model());
        Differences differences = new Differences(options.keptDifferences(), hints);
        List<String> notes = new ArrayList<>();
        ReplayResult played = options.path() == ReplayOptions.Path.DIRECT
                ? direct(capture, scan, config, options, differences, notes, progress)
                : contract(capture, scan, config, options, differences, notes, progress);
        Tally walks =
                options.frozen() ? new FrozenCheck(differences, progress).run(service, capture, config) : Tally.NONE;
        return new ReplayResult(
                played.directory(),
                played.model(),
                played.subVersion(),
                options,
                played.commands(),
                played.sources(),
                played.requests(),
                played.translations(),
                played.registers(),
                walks,
                played.records(),
                played.notModelled(),
                differences.kept(),
                notes,
                played.sanitizer(),
                hints.findings(played.sanitizer()));
    }

    /**
     * The chip that a capture's guest drove.
     *
     * @throws BackendException {@code ENODEV} without a backend
     * @throws ReplayRefusedException if the backend does not know the generation, or the capture does not have the guest's
     *     tables
     */
    public static HardwareConfig config(IommuService service, Capture capture, CaptureScan scan, CacheConfig cache) {
        IommuModel model = capture.model().model();
        BackendDescription description = Serving.backend(service, model).describe();
        if (description.generation(scan.subVersion()) == null) {
            throw new ReplayRefusedException("the guest uses " + scan.about() + " (generation " + hex(scan.subVersion())
                    + "), and " + description.name() + " " + description.version() + " has only "
                    + description.generations().stream()
                            .map(Generation::subVersion)
                            .map(Replay::hex)
                            .toList());
        }
        if (!scan.units().isEmpty()) {
            throw new ReplayRefusedException("the captured machine has "
                    + scan.units().size() + " units: " + new TreeSet<>(scan.units()) + "; one is replayed");
        }
        if (scan.tablesUnknown()) {
            throw new ReplayRefusedException(
                    "the capture has translations but no table reads (mem), as stock runs have it:"
                            + " what stood in the guest's tables is not known");
        }
        return new HardwareConfig(scan.subVersion(), scan.fields(), scan.capabilities(), cache, scan.options());
    }

    private static String hex(int value) {
        return String.format(Locale.ROOT, "0x%04x", value);
    }

    private ReplayResult contract(
            Capture capture,
            CaptureScan scan,
            HardwareConfig config,
            ReplayOptions options,
            Differences differences,
            List<String> notes,
            Progress progress) {
        GuestMachine machine = new GuestMachine(service, capture.model(), config, mode(options));
        try (var unit = machine.unit()) {
            Player player = new Player(capture, scan, machine, false, differences, progress);
            player.play(() -> true);
            ReplayResult.RequestTally sent = machine.containers().requests();
            ReplayResult.RequestTally counted = machine.containers().counted();
            if (!sent.equals(counted)) {
                differences.requests(sent, counted);
            }
            notes.add(counters(unit.hardwareCounters()));
            return result(capture, scan, options, player, sent, notes, machine.findings());
        }
    }

    private ReplayResult direct(
            Capture capture,
            CaptureScan scan,
            HardwareConfig config,
            ReplayOptions options,
            Differences differences,
            List<String> notes,
            Progress progress) {
        BareMachine machine = new BareMachine(service, capture.model(), config, mode(options));
        try (var unit = machine.unit()) {
            Player player = new Player(capture, scan, machine, true, differences, progress);
            player.play(() -> true);
            notes.add(counters(unit.hardwareCounters()));
            return result(capture, scan, options, player, ReplayResult.RequestTally.NONE, notes, machine.findings());
        }
    }

    private static Sanitizer.Mode mode(ReplayOptions options) {
        return options.sanitized() ? Sanitizer.Mode.CAPTURE : Sanitizer.Mode.OFF;
    }

    private static String counters(HardwareCounters counters) {
        return String.format(
                Locale.ROOT,
                "the chip consumed %d commands, which dropped %d translations; %d accesses hit a cache, %d walked, %d faulted",
                counters.commands(),
                counters.dropped(),
                counters.hits(),
                counters.walks(),
                counters.faults());
    }

    private static ReplayResult result(
            Capture capture,
            CaptureScan scan,
            ReplayOptions options,
            Player player,
            ReplayResult.RequestTally requests,
            List<String> notes,
            SanitizerReport findings) {
        player.journal().misnamed().forEach(notes::add);
        return new ReplayResult(
                capture.directory().toString(),
                capture.model().model(),
                scan.subVersion(),
                options,
                player.journal().commands(),
                player.journal().sources(),
                requests,
                player.translations(),
                player.registers(),
                Tally.NONE,
                scan.records(),
                player.notModelled(),
                List.of(),
                notes,
                findings);
    }
}
