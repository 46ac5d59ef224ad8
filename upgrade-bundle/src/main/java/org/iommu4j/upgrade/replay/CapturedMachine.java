package org.iommu4j.upgrade.replay;

import java.util.List;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.core.service.Unit;
import org.iommu4j.upgrade.capture.CaptureRecord;

/** The machine to which the records of one unit are played: the one place where the two paths differ. */
interface CapturedMachine extends AutoCloseable {
    /** The chip that translates. */
    Unit unit();

    @Override
    default void close() {
        unit().close();
    }

    /** Findings of the sanitizer so far. */
    default SanitizerReport findings() {
        Sanitizer sanitizer = unit().platform().sanitizer();
        return sanitizer == null ? SanitizerReport.NONE : sanitizer.report();
    }

    /** The guest writes a register. */
    void write(CaptureRecord.RegisterWrite write, Journal journal);

    /** The value that the guest reads from a register. */
    long read(CaptureRecord.RegisterRead read);

    /** The hardware fetches a command. */
    void command(CaptureRecord.Command command, Journal journal);

    /**
     * The guest makes a call.
     *
     * @return what is not as the capture says
     */
    List<CallPlayer.Mismatch> call(CaptureRecord.Call call, Journal journal);

    /** No more records come. */
    default void finish() {
        // Nothing waits.
    }

    /** A device is about to access memory. */
    void beforeAccess(int requester, Journal journal);
}
