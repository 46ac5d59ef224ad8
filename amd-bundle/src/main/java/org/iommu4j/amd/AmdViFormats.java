package org.iommu4j.amd;

import java.util.List;
import java.util.OptionalInt;
import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.AmdViEvent;
import org.iommu4j.amd.command.AmdViEvents.IoPageFault;
import org.iommu4j.amd.command.CompletionWait;
import org.iommu4j.amd.table.EntryFormats;
import org.iommu4j.backend.NativeFormats;
import org.iommu4j.backend.log.LogFormat;
import org.iommu4j.layout.Layout;

/** The formats of AMD-Vi in bytes. */
final class AmdViFormats implements NativeFormats {
    @Override
    public String eventFormat(byte[] record) {
        AmdViEvent event = AmdViEvent.of(code(record));
        return event == null ? "" : event.layout().name();
    }

    /** The code of an entry of the event log, which all have at the same place; -1 if it is none. */
    static int code(byte[] record) {
        return record.length == IoPageFault.LAYOUT.sizeBytes()
                ? IoPageFault.CODE.getInt(IoPageFault.LAYOUT.word(record, 0, IoPageFault.CODE.word()))
                : -1;
    }

    /** The device, which is at the same place in all events that name one. */
    @Override
    public OptionalInt eventRequester(byte[] record) {
        AmdViEvent event = AmdViEvent.of(code(record));
        return event == null || !event.layout().fields().contains(IoPageFault.DEVICE_ID)
                ? OptionalInt.empty()
                : OptionalInt.of(
                        IoPageFault.DEVICE_ID.getInt(IoPageFault.LAYOUT.word(record, 0, IoPageFault.DEVICE_ID.word())));
    }

    @Override
    public String entryFormat(String what) {
        Layout format = EntryFormats.of(what);
        return format == null ? "" : format.name();
    }

    @Override
    public boolean isCompletion(byte[] command) {
        return command.length == AmdViCommand.BYTES
                && AmdViCommand.opcodeOf(CompletionWait.LAYOUT.word(command, 0, 0)) == AmdViCommand.OP_COMPLETION_WAIT;
    }

    @Override
    public List<LogFormat> logFormats() {
        return AmdViLogLines.ALL;
    }
}
