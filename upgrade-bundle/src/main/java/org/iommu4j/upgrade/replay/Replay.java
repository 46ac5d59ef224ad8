package org.iommu4j.upgrade.replay;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.HardwareCounters;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.core.hint.ExplainHints;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.Progress;
import org.iommu4j.core.service.Watch;
import org.iommu4j.upgrade.ReplayOptions;
import org.iommu4j.upgrade.ReplayRefusedException;
import org.iommu4j.upgrade.ReplayResult;
import org.iommu4j.upgrade.ReplayResult.UnitResult;
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
        Capture capture = Captures.open(service, directory);
        CaptureScan scan = CaptureScan.of(capture);
        try (Watch watch = new Watch(limitNanos)) {
            return watch.run(progress -> replay(capture, scan, options, progress));
        } catch (Watch.HangException e) {
            throw e.toUsers("the machine");
        }
    }

    private ReplayResult replay(Capture capture, CaptureScan scan, ReplayOptions options, Progress progress) {
        Map<String, HardwareConfig> configs = configs(service, capture, scan, options.cache());
        ExplainHints hints = ExplainHints.of(service, capture.model());
        Differences differences = new Differences(options.keptDifferences(), hints);
        Played played = options.path() == ReplayOptions.Path.DIRECT
                ? direct(capture, scan, configs, options, differences, progress)
                : contract(capture, scan, configs, options, differences, progress);
        Map<String, Tally> walks = options.frozen()
                ? new FrozenCheck(differences, progress).run(service, capture, scan, configs)
                : Map.of();
        List<UnitResult> units = new ArrayList<>();
        played.player()
                .units()
                .forEach((name, unit) -> units.add(new UnitResult(
                        name,
                        scan.units().get(name).subVersion(),
                        unit.translations(),
                        unit.registers(),
                        walks.getOrDefault(name, Tally.NONE),
                        played.findings().get(name))));
        SanitizerReport findings =
                played.findings().values().stream().reduce(SanitizerReport.NONE, SanitizerReport::plus);
        return new ReplayResult(
                capture.directory().toString(),
                capture.model(),
                scan.first().subVersion(),
                options,
                played.player().journal().commands(),
                played.player().journal().sources(),
                played.requests(),
                played.player().translations(),
                played.player().registers(),
                walks.values().stream().reduce(Tally.NONE, Tally::plus),
                scan.records(),
                played.player().notModelled(),
                played.player().notJudged(),
                differences.kept(),
                played.notes(),
                findings,
                hints.findings(findings),
                scan.hasSeveralUnits() ? units : List.of());
    }

    /**
     * The chips that a capture's guest drove.
     *
     * @return one for each unit
     * @throws BackendException {@code ENODEV} without a backend
     * @throws ReplayRefusedException if the backend does not know a generation, or the capture does not have the guest's
     *     tables
     */
    public static Map<String, HardwareConfig> configs(
            IommuService service, Capture capture, CaptureScan scan, CacheConfig cache) {
        BackendDescription description =
                Serving.backend(service, capture.model()).describe();
        Map<String, HardwareConfig> configs = new LinkedHashMap<>();
        scan.units().forEach((name, unit) -> {
            if (description.generation(unit.subVersion()) == null) {
                throw new ReplayRefusedException("the guest uses " + unit.about() + " (generation "
                        + Generation.text(unit.subVersion()) + "), and "
                        + description.name() + " " + description.version() + " has only "
                        + description.generations().stream()
                                .map(Generation::subVersion)
                                .map(Generation::text)
                                .collect(Collectors.joining(", ")));
            }
            if (unit.tablesUnknown() && capture.format().gaps().entries().isEmpty()) {
                throw new ReplayRefusedException("the capture has translations but no table reads (mem), and "
                        + description.name() + " " + description.version()
                        + " does not say how entries of pages are written");
            }
            configs.put(
                    name,
                    new HardwareConfig(unit.subVersion(), unit.fields(), unit.capabilities(), cache, unit.options()));
        });
        return configs;
    }

    /**
     * Counts of a replay.
     *
     * @param findings of the sanitizers, by unit
     */
    private record Played(
            Player player,
            ReplayResult.RequestTally requests,
            List<String> notes,
            Map<String, SanitizerReport> findings) {}

    private Played contract(
            Capture capture,
            CaptureScan scan,
            Map<String, HardwareConfig> configs,
            ReplayOptions options,
            Differences differences,
            Progress progress) {
        try (CapturedMachines<GuestMachine> machines = new CapturedMachines<>(
                configs,
                config -> new GuestMachine(
                        service, capture.format(), config, Set.of(config.subVersion()), mode(options)))) {
            try (Player player = new Player(service, capture, scan, configs, machines, false, differences, progress)) {
                player.play(() -> true);
                ReplayResult.RequestTally sent = GuestMachine.requests(machines);
                ReplayResult.RequestTally counted = GuestMachine.counted(machines);
                if (!sent.equals(counted)) {
                    differences.requests(sent, counted);
                }
                return played(player, sent, machines, scan);
            }
        }
    }

    private Played direct(
            Capture capture,
            CaptureScan scan,
            Map<String, HardwareConfig> configs,
            ReplayOptions options,
            Differences differences,
            Progress progress) {
        try (CapturedMachines<BareMachine> machines = new CapturedMachines<>(
                configs, config -> new BareMachine(service, capture.format(), config, mode(options)))) {
            try (Player player = new Player(service, capture, scan, configs, machines, true, differences, progress)) {
                player.play(() -> true);
                return played(player, ReplayResult.RequestTally.NONE, machines, scan);
            }
        }
    }

    private static Sanitizer.Mode mode(ReplayOptions options) {
        return options.sanitized() ? Sanitizer.Mode.CAPTURE : Sanitizer.Mode.OFF;
    }

    private static Played played(
            Player player, ReplayResult.RequestTally requests, CapturedMachines<?> machines, CaptureScan scan) {
        List<String> notes = new ArrayList<>();
        Map<String, SanitizerReport> findings = new LinkedHashMap<>();
        machines.byUnit().forEach((name, machine) -> {
            notes.add((scan.hasSeveralUnits() ? "unit " + name + ": " : "")
                    + counters(machine.unit().hardwareCounters()));
            findings.put(name, machine.findings());
        });
        notes.addAll(player.journal().notes());
        return new Played(player, requests, notes, findings);
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
}
