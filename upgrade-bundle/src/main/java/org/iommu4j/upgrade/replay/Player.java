package org.iommu4j.upgrade.replay;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.Progress;
import org.iommu4j.upgrade.Tally;
import org.iommu4j.upgrade.capture.Capture;
import org.iommu4j.upgrade.capture.CaptureRecord;
import org.iommu4j.upgrade.capture.CaptureScan;
import org.iommu4j.upgrade.capture.Timeline;
import org.iommu4j.upgrade.capture.UnitScan;

/**
 * Plays the timeline of one capture, each record to the unit that it concerns. Where the capture does not have the guest's tables,
 * it has a stopped machine for each unit that tells them.
 */
final class Player implements AutoCloseable {
    private final Capture capture;
    private final CaptureScan scan;
    private final Map<String, UnitPlayer> units = new LinkedHashMap<>();
    private final Map<String, StoppedTables> tables = new LinkedHashMap<>();
    private final Journal journal = new Journal();
    private final Progress progress;

    /**
     * A player.
     *
     * @param configs of the captured chips, by unit
     * @param machines one for each unit of the capture
     * @param ownChip true if registers and fault codes are the chips' own, so that they are compared as well
     * @param progress is told of each record
     */
    Player(
            IommuService service,
            Capture capture,
            CaptureScan scan,
            Map<String, HardwareConfig> configs,
            CapturedMachines<?> machines,
            boolean ownChip,
            Differences differences,
            Progress progress) {
        this.capture = capture;
        this.scan = scan;
        this.progress = progress;
        try {
            machines.byUnit().forEach((unit, machine) -> {
                UnitScan unitScan = scan.units().get(unit);
                if (unitScan.tablesUnknown()) {
                    tables.put(unit, new StoppedTables(service, capture, scan, unit, configs.get(unit), progress));
                }
                units.put(
                        unit,
                        new UnitPlayer(
                                capture.format(),
                                scan.hasSeveralUnits() ? unit : "",
                                unitScan,
                                machine,
                                ownChip,
                                tables.get(unit),
                                journal,
                                differences));
            });
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    @Override
    public void close() {
        tables.values().forEach(StoppedTables::close);
    }

    /**
     * Plays until the end, or until it is told to stop between two records.
     *
     * @return true if the end was reached
     */
    boolean play(BooleanSupplier goOn) {
        try (Timeline timeline = capture.timeline()) {
            CaptureRecord next = timeline.next();
            while (next != null) {
                if (!goOn.getAsBoolean()) {
                    return false;
                }
                progress.begin((int) timeline.lineNumber(), "record");
                units.get(scan.unitOf(timeline.unit())).play(next, timeline.lineNumber());
                next = timeline.next();
            }
        }
        units.values().forEach(UnitPlayer::finish);
        return true;
    }

    /** Translations so far; for other threads too. */
    long translated() {
        return units.values().stream().mapToLong(UnitPlayer::translated).sum();
    }

    /** Outcomes of the guest's commands. */
    Journal journal() {
        return journal;
    }

    /** The players of the units by name. */
    Map<String, UnitPlayer> units() {
        return Collections.unmodifiableMap(units);
    }

    /** Translations of all units. */
    Tally translations() {
        return units.values().stream().map(UnitPlayer::translations).reduce(Tally.NONE, Tally::plus);
    }

    /** Register reads and answers of calls of all units. */
    Tally registers() {
        return units.values().stream().map(UnitPlayer::registers).reduce(Tally.NONE, Tally::plus);
    }

    /** Records that are passed over, by kind. */
    Map<String, Long> notModelled() {
        return sum(UnitPlayer::notModelled);
    }

    /** Translations that cannot be judged, by reason. */
    Map<String, Long> notJudged() {
        return sum(UnitPlayer::notJudged);
    }

    private Map<String, Long> sum(Function<UnitPlayer, Map<String, Long>> counts) {
        Map<String, Long> all = new TreeMap<>();
        units.values().forEach(unit -> counts.apply(unit).forEach((key, count) -> all.merge(key, count, Long::sum)));
        return all;
    }
}
