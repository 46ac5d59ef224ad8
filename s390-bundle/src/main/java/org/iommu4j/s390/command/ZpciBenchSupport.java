package org.iommu4j.s390.command;

import org.iommu4j.backend.BenchSupport;

/** What a test bench has to know of zPCI. */
public final class ZpciBenchSupport implements BenchSupport {
    @Override
    public String faultName(int code) {
        EventCode event = EventCode.of(code);
        return event == null ? "" : event.name();
    }

    @Override
    public int eventCode(byte[] record) {
        return record.length == ErrorRecord.BYTES
                ? ErrorRecord.PEC.getInt(ErrorRecord.LAYOUT.word(record, 0, ErrorRecord.PEC.word()))
                : -1;
    }
}
