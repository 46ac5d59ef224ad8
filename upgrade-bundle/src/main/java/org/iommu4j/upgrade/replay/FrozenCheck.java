package org.iommu4j.upgrade.replay;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.capture.RegisterRecords;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.Progress;
import org.iommu4j.core.service.Unit;
import org.iommu4j.upgrade.CaptureException;
import org.iommu4j.upgrade.Tally;
import org.iommu4j.upgrade.capture.Capture;
import org.iommu4j.upgrade.capture.CaptureRecord;
import org.iommu4j.upgrade.capture.CaptureScan;
import org.iommu4j.upgrade.capture.FrozenImage;
import org.iommu4j.upgrade.capture.Timeline;

/** Checks every mapping of a frozen machine on a chip that is brought up with its registers and its pages. */
public final class FrozenCheck {
    /** Addresses at which a device that is not translated is tried. */
    private static final long[] PASS_THROUGH = {0, 0x1000, 0x1234_5678, 0x7fff_fffcL};

    private final DmaAccess access = new DmaAccess();
    private final Map<String, Comparison> walks = new LinkedHashMap<>();
    private final Differences differences;
    private final Progress progress;

    /** A check; the progress is told of each mapping. */
    FrozenCheck(Differences differences, Progress progress) {
        this.differences = differences;
        this.progress = progress;
    }

    /**
     * Checks all mappings of a capture.
     *
     * @param configs of the chips, by unit
     * @return what was compared, by unit
     * @throws CaptureException if they cannot be read
     */
    Map<String, Tally> run(
            IommuService service, Capture capture, CaptureScan scan, Map<String, HardwareConfig> configs) {
        Map<String, Unit> units = new LinkedHashMap<>();
        try (FrozenImage.Walks rows = capture.frozen().walks(scan)) {
            configs.forEach((name, config) -> {
                walks.put(name, new Comparison());
                units.put(
                        name,
                        service.openUnit(Serving.machine(service, capture.model(), config)
                                .withoutDriver()));
                capture.frozen().loadPages(units.get(name).platform().memory(), configs.size());
                bringUp(service, capture, scan, name, units.get(name));
            });
            int count = 0;
            for (FrozenImage.Walk row = rows.next(); row != null; row = rows.next()) {
                progress.begin(count++, "frozen walk");
                check(
                        scan.hasSeveralUnits() ? row.unit() : "",
                        units.get(row.unit()),
                        row,
                        capture.format().passThroughMayBlock());
            }
        } finally {
            units.values().forEach(Unit::close);
        }
        Map<String, Tally> tallies = new LinkedHashMap<>();
        walks.forEach((name, comparison) -> tallies.put(name, comparison.tally()));
        return tallies;
    }

    private void bringUp(IommuService service, Capture capture, CaptureScan scan, String name, Unit unit) {
        CallPlayer calls = new CallPlayer(Serving.backend(service, unit.model()), unit.platform(), unit::call);
        for (CallPlayer.Mismatch mismatch : bringUp(capture, scan, name, unit::writeRegister, calls, progress)) {
            walks.get(name).count(false);
            differences.call(scan.hasSeveralUnits() ? name : "", -1, mismatch);
        }
    }

    /** Takes register writes. */
    @FunctionalInterface
    public interface Registers {
        /** Writes a register. */
        void write(long offset, int sizeBytes, long value);
    }

    /**
     * Makes the guest's tables and devices what they were when the machine was stopped: writes what turns translation on, or
     * makes the calls.
     *
     * @param unit name of the unit that is brought up
     * @param progress is told of each record
     * @return what calls did not answer as the capture says
     * @throws CaptureException if a register is missing in the capture, or its timeline cannot be read
     */
    public static List<CallPlayer.Mismatch> bringUp(
            Capture capture, CaptureScan scan, String unit, Registers registers, CallPlayer calls, Progress progress) {
        Map<String, Long> frozen = capture.frozen().registers(unit);
        for (RegisterRecords.BringUp step : capture.format().registers().bringUp()) {
            registers.write(step.register().offset(), step.register().widthBytes(), value(frozen, step));
        }
        List<CallPlayer.Mismatch> mismatches = new ArrayList<>();
        if (capture.format().calls().bringUp().history()) {
            long stoppedAt = capture.frozen().stoppedAt();
            try (Timeline timeline = capture.timeline()) {
                CaptureRecord next = timeline.next();
                while (next != null && next.t() < stoppedAt) {
                    progress.again();
                    if (next instanceof CaptureRecord.Call call
                            && scan.unitOf(timeline.unit()).equals(unit)) {
                        mismatches.addAll(calls.make(call));
                    }
                    next = timeline.next();
                }
            }
        }
        capture.frozen().calls(unit).forEach(call -> mismatches.addAll(calls.make(call)));
        return mismatches;
    }

    private static long value(Map<String, Long> frozen, RegisterRecords.BringUp step) {
        if (step.from() == null) {
            return step.constant();
        }
        Long value = frozen.get(step.from());
        if (value == null) {
            throw new CaptureException(FrozenImage.REGISTERS, 0, 0, step.from(), "is missing");
        }
        return value;
    }

    private void check(String name, Unit unit, FrozenImage.Walk row, boolean mayBlock) {
        if (row.passThrough()) {
            boolean equal = true;
            for (long address : PASS_THROUGH) {
                equal = equal
                        && ((mayBlock && isRefused(unit, row, address)) || maps(name, unit, row, address, address));
            }
            walks.get(row.unit()).count(equal);
            return;
        }
        long last = row.sizeBytes() - 1;
        walks.get(row.unit())
                .count(maps(name, unit, row, row.iova(), row.pa())
                        && maps(name, unit, row, row.iova() + last, row.pa() + last));
    }

    private boolean isRefused(Unit unit, FrozenImage.Walk row, long address) {
        access.begin(row.requester(), address, DmaAccess.READ);
        Devices.access(unit, access);
        return isRefused(access.outcome());
    }

    /** A refused access is recorded as a fault or dropped in silence; rows do not tell which. */
    private static boolean isRefused(DmaAccess.Outcome outcome) {
        return outcome == DmaAccess.Outcome.FAULT || outcome == DmaAccess.Outcome.BLOCKED;
    }

    private boolean maps(String name, Unit unit, FrozenImage.Walk row, long iova, long pa) {
        boolean refused = row.perm() == 0;
        access.begin(row.requester(), iova, row.perm() == DmaAccess.WRITE ? DmaAccess.WRITE : DmaAccess.READ);
        Devices.access(unit, access);
        boolean equal = refused
                ? isRefused(access.outcome())
                : access.outcome() == DmaAccess.Outcome.TRANSLATED
                        && access.spa() == pa
                        && Differences.granted(access) == row.perm();
        if (!equal) {
            differences.access(
                    name,
                    "walk",
                    -1,
                    unit,
                    access,
                    refused ? "a fault" : Differences.mapping(pa, row.perm()),
                    List.of());
        }
        return equal;
    }
}
