package org.iommu4j.s390;

import java.util.List;
import org.iommu4j.backend.NativeFormats;
import org.iommu4j.backend.log.LogFormat;
import org.iommu4j.s390.command.AvailabilityRecord;
import org.iommu4j.s390.command.ErrorRecord;
import org.iommu4j.s390.command.EventCode;
import org.iommu4j.s390.table.EntryFormats;

/** The formats of zPCI in bytes. */
final class ZpciFormats implements NativeFormats {
    @Override
    public String eventFormat(byte[] record) {
        boolean available = ErrorRecord.codeOf(record) >= EventCode.CONFIGURED.code();
        return (available ? AvailabilityRecord.LAYOUT : ErrorRecord.LAYOUT).name();
    }

    @Override
    public String entryFormat(String what) {
        return EntryFormats.of(what).name();
    }

    @Override
    public List<LogFormat> logFormats() {
        return ZpciLogLines.ALL;
    }
}
