package org.iommu4j.spapr;

import org.iommu4j.backend.BenchSupport;
import org.iommu4j.backend.FuzzSupport;
import org.iommu4j.spapr.command.FaultReason;
import org.iommu4j.spapr.command.PestEntry;

/**
 * The test bench's parts of sPAPR: fault names and event codes.
 *
 * @param fuzz the fuzzer's parts
 */
record SpaprBenchSupport(FuzzSupport fuzz) implements BenchSupport {
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
