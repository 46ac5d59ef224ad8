package org.iommu4j.upgrade.replay;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.Progress;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.upgrade.CaptureException;
import org.iommu4j.upgrade.Tally;
import org.iommu4j.upgrade.capture.Capture;
import org.iommu4j.upgrade.capture.CaptureModel;
import org.iommu4j.upgrade.capture.CaptureRecord;
import org.iommu4j.upgrade.capture.FrozenImage;
import org.iommu4j.upgrade.capture.Timeline;

/** Checks every mapping of a frozen machine on a chip that is brought up with its registers and its pages. */
public final class FrozenCheck {
    /** Where a device that is not translated must get what it asks for. */
    private static final long[] PASS_THROUGH = {0, 0x1000, 0x1234_5678, 0x7fff_fffcL};

    private final DmaAccess access = new DmaAccess();
    private final Comparison walks = new Comparison();
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
     * @throws CaptureException if they cannot be read
     */
    Tally run(IommuService service, Capture capture, HardwareConfig config) {
        try (Unit unit = service.openUnit(
                        UnitConfig.of(capture.model().model(), config).withoutDriver());
                FrozenImage.Walks rows = capture.frozen().walks()) {
            capture.frozen().loadPages(unit.platform().memory());
            CallPlayer calls = new CallPlayer(Serving.backend(service, unit.model()), unit.platform(), unit::call);
            for (CallPlayer.Mismatch mismatch : bringUp(capture, unit::writeRegister, calls, progress)) {
                walks.count(false);
                differences.call(-1, mismatch);
            }
            int count = 0;
            for (FrozenImage.Walk row = rows.next(); row != null; row = rows.next()) {
                progress.begin(count++, "frozen walk");
                check(unit, row);
            }
        }
        return walks.tally();
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
     * @param progress is told of each record
     * @return what calls did not answer as the capture says
     * @throws CaptureException if a register is missing in the capture, or its timeline cannot be read
     */
    public static List<CallPlayer.Mismatch> bringUp(
            Capture capture, Registers registers, CallPlayer calls, Progress progress) {
        for (CaptureModel.BringUp step : capture.model().bringUp()) {
            CaptureModel.RegisterPlace place = capture.model().registers().get(step.register());
            registers.write(place.offset(), place.sizeBytes(), value(capture, step));
        }
        List<CallPlayer.Mismatch> mismatches = new ArrayList<>();
        if (capture.model().calls().bringUp().history()) {
            long stoppedAt = capture.frozen().stoppedAt();
            try (Timeline timeline = capture.timeline()) {
                CaptureRecord next = timeline.next();
                while (next != null && next.t() < stoppedAt) {
                    progress.again();
                    if (next instanceof CaptureRecord.Call call) {
                        mismatches.addAll(calls.make(call));
                    }
                    next = timeline.next();
                }
            }
        }
        capture.frozen().calls().forEach(call -> mismatches.addAll(calls.make(call)));
        return mismatches;
    }

    private static long value(Capture capture, CaptureModel.BringUp step) {
        if (step.from() == null) {
            return step.constant();
        }
        Long value = capture.frozen().registers().get(step.from());
        if (value == null) {
            throw new CaptureException(FrozenImage.REGISTERS, 0, 0, step.from(), "is missing");
        }
        return value;
    }

    private void check(Unit unit, FrozenImage.Walk row) {
        if (row.passThrough()) {
            boolean equal = true;
            for (long address : PASS_THROUGH) {
                equal = equal && maps(unit, row, address, address);
            }
            walks.count(equal);
            return;
        }
        long last = row.sizeBytes() - 1;
        walks.count(maps(unit, row, row.iova(), row.pa()) && maps(unit, row, row.iova() + last, row.pa() + last));
    }

    private boolean maps(Unit unit, FrozenImage.Walk row, long iova, long pa) {
        boolean refused = row.perm() == 0;
        access.begin(row.requester(), iova, row.perm() == DmaAccess.WRITE ? DmaAccess.WRITE : DmaAccess.READ);
        Devices.access(unit, access);
        boolean equal = refused
                ? access.outcome() == DmaAccess.Outcome.FAULT
                : access.outcome() == DmaAccess.Outcome.TRANSLATED
                        && access.spa() == pa
                        && Differences.granted(access) == row.perm();
        if (!equal) {
            differences.access(
                    "walk", -1, unit, access, refused ? "a fault" : Differences.mapping(pa, row.perm()), List.of());
        }
        return equal;
    }
}
