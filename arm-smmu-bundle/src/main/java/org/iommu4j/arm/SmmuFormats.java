package org.iommu4j.arm;

import java.util.List;
import java.util.OptionalInt;
import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.EventFields;
import org.iommu4j.arm.command.EventType;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.table.EntryFormats;
import org.iommu4j.backend.NativeFormats;
import org.iommu4j.backend.log.LogFormat;
import org.iommu4j.layout.Layout;

/** The formats of an SMMU in bytes. */
final class SmmuFormats implements NativeFormats {
    /** The type of an event record; -1 if it is none. */
    static int eventCode(byte[] record) {
        return record.length == EventFields.RECORD_BYTES
                ? EventType.codeOf(EventType.C_BAD_STE.layout().word(record, 0, 0))
                : -1;
    }

    @Override
    public String eventFormat(byte[] record) {
        EventType type = EventType.of(eventCode(record));
        return type == null ? "" : type.layout().name();
    }

    /** The StreamID, which is at the same place in all events. */
    @Override
    public OptionalInt eventRequester(byte[] record) {
        EventType type = EventType.of(eventCode(record));
        return type == null
                ? OptionalInt.empty()
                : OptionalInt.of(EventFields.SID.getInt(type.layout().word(record, 0, EventFields.SID.word())));
    }

    @Override
    public String entryFormat(String what) {
        Layout format = EntryFormats.of(what);
        return format == null ? "" : format.name();
    }

    @Override
    public boolean isCompletion(byte[] command) {
        return command.length == CommandFields.COMMAND_BYTES
                && SmmuCommand.opcodeOf(command[0]) == SmmuCommand.SYNC.opcode();
    }

    @Override
    public List<LogFormat> logFormats() {
        return SmmuLogLines.ALL;
    }
}
