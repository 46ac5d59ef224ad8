package org.iommu4j.s390;

import java.util.List;
import java.util.OptionalInt;
import org.iommu4j.backend.NativeFormats;
import org.iommu4j.backend.log.LogFormat;
import org.iommu4j.s390.command.AvailabilityRecord;
import org.iommu4j.s390.command.ErrorRecord;
import org.iommu4j.s390.command.EventCode;
import org.iommu4j.s390.command.FunctionHandle;
import org.iommu4j.s390.table.EntryFormats;

/** The formats of zPCI in bytes. */
final class ZpciFormats implements NativeFormats {
    @Override
    public String eventFormat(byte[] record) {
        boolean available = ErrorRecord.codeOf(record) >= EventCode.CONFIGURED.code();
        return (available ? AvailabilityRecord.LAYOUT : ErrorRecord.LAYOUT).name();
    }

    /** The function handle, which is at the same place in both kinds of records. */
    @Override
    public OptionalInt eventRequester(byte[] record) {
        return ErrorRecord.codeOf(record) < 0
                ? OptionalInt.empty()
                : OptionalInt.of(
                        ErrorRecord.HANDLE.getInt(ErrorRecord.LAYOUT.word(record, 0, ErrorRecord.HANDLE.word())));
    }

    /** A function has another handle in each of its lives. */
    @Override
    public int deviceBits() {
        return (int) FunctionHandle.INDEX.mask();
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
