package org.iommu4j.intel;

import java.util.List;
import java.util.OptionalInt;
import org.iommu4j.backend.NativeFormats;
import org.iommu4j.backend.log.LogFormat;
import org.iommu4j.intel.command.FaultRecord;
import org.iommu4j.intel.command.InvalidationWait;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdRegisters.ContextCommand;
import org.iommu4j.intel.command.VtdRegisters.Iotlb;
import org.iommu4j.intel.table.EntryFormats;
import org.iommu4j.layout.Layout;

/** The formats of VT-d in bytes. */
final class VtdFormats implements NativeFormats {
    @Override
    public String eventFormat(byte[] record) {
        return FaultRecord.LAYOUT.name();
    }

    @Override
    public OptionalInt eventRequester(byte[] record) {
        return record.length == FaultRecord.BYTES
                ? OptionalInt.of(FaultRecord.SID.getInt(FaultRecord.LAYOUT.word(record, 0, FaultRecord.SID.word())))
                : OptionalInt.empty();
    }

    @Override
    public String entryFormat(String what) {
        Layout format = EntryFormats.of(what);
        return format == null ? "" : format.name();
    }

    /** In the first byte of a descriptor is its type, in that of IOTLB only IVT and IIRG. */
    @Override
    public String commandRegister(byte[] command) {
        if (command.length == Long.BYTES) {
            return ContextCommand.REGISTER.name();
        }
        return command.length == 2 * Long.BYTES && (command[0] & 0xf) == 0 ? Iotlb.REGISTER.name() : "";
    }

    @Override
    public boolean isCompletion(byte[] command) {
        return command.length >= InvalidationWait.LAYOUT.sizeBytes()
                && InvalidationWait.TYPE.getInt(InvalidationWait.LAYOUT.word(command, 0, InvalidationWait.TYPE.word()))
                        == VtdCommand.TYPE_WAIT;
    }

    @Override
    public List<LogFormat> logFormats() {
        return VtdLogLines.ALL;
    }
}
