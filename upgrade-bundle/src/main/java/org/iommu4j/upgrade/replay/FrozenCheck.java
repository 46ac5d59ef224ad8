package org.iommu4j.upgrade.replay;

import java.util.List;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.upgrade.CaptureException;
import org.iommu4j.upgrade.Tally;
import org.iommu4j.upgrade.capture.Capture;
import org.iommu4j.upgrade.capture.CaptureModel;
import org.iommu4j.upgrade.capture.FrozenImage;

/** Checks every mapping of a frozen machine on a chip that is brought up with its registers and its pages. */
public final class FrozenCheck {
    /** Where a device that is not translated must get what it asks for. */
    private static final long[] PASS_THROUGH = {0, 0x1000, 0x1234_5678, 0x7fff_fffcL};

    private final DmaAccess access = new DmaAccess();
    private final Comparison walks = new Comparison();
    private final Differences differences;

    FrozenCheck(Differences differences) {
        this.differences = differences;
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
            bringUp(capture, unit::writeRegister);
            for (FrozenImage.Walk row = rows.next(); row != null; row = rows.next()) {
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
     * Writes what turns translation on, as it stood when the machine was stopped.
     *
     * @throws CaptureException if a register is missing in the capture
     */
    public static void bringUp(Capture capture, Registers registers) {
        for (CaptureModel.BringUp step : capture.model().bringUp()) {
            CaptureModel.RegisterPlace place = capture.model().registers().get(step.register());
            registers.write(place.offset(), place.sizeBytes(), value(capture, step));
        }
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
