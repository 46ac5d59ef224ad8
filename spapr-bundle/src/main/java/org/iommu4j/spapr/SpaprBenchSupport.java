package org.iommu4j.spapr;

import org.iommu4j.backend.BenchSupport;
import org.iommu4j.backend.FuzzSupport;
import org.iommu4j.spapr.command.FaultReason;
import org.iommu4j.spapr.command.PestEntry;

/** What a test bench has to know of sPAPR. */
final class SpaprBenchSupport implements BenchSupport {
    private final FuzzSupport fuzz;

    /**
     * A test bench's support.
     *
     * @param fuzz a fuzzer's
     */
    SpaprBenchSupport(FuzzSupport fuzz) {
        this.fuzz = fuzz;
    }

    @Override
    public FuzzSupport fuzz() {
        return fuzz;
    }

    @Override
    public String faultName(int code) {
        FaultReason reason = FaultReason.of(code);
        return reason == null ? "" : reason.name();
    }

    /** The code of the fault whose bit a record has: page fault or access fault. */
    @Override
    public int eventCode(byte[] record) {
        if (record.length != PestEntry.BYTES) {
            return -1;
        }
        long word0 = PestEntry.LAYOUT.word(record, 0, 0);
        if (PestEntry.TCE_ACCESS_FAULT.isSet(word0)) {
            return FaultReason.TCE_ACCESS_FAULT.code();
        }
        return PestEntry.TCE_PAGE_FAULT.isSet(word0) ? FaultReason.TCE_PAGE_FAULT.code() : -1;
    }
}
