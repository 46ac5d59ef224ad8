package org.iommu4j.amd;

import static org.iommu4j.backend.log.LogValue.constant;
import static org.iommu4j.backend.log.LogValue.hex;
import static org.iommu4j.backend.log.LogValue.requester;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.AmdViEvent;
import org.iommu4j.amd.command.AmdViEvents.IoPageFault;
import org.iommu4j.amd.command.AmdViRegisters.Efr;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.iommu4j.backend.log.LogFormat;
import org.iommu4j.backend.log.LogFormat.Subject;
import org.iommu4j.backend.log.LogValue;
import org.iommu4j.layout.BitField;

/**
 * Lines that Linux writes about units of AMD-Vi: an event with the name of its record and what stands in it. The device stands in
 * the line, with its segment in newer versions, or as the device that reports it before the line.
 */
final class AmdViLogLines {
    private static final String MARK = "AMD-Vi: ";
    private static final String FUNCTION = "(?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\\.[0-7]";
    private static final int PASID_LOW_BITS = 16;

    /** All of them. */
    static final List<LogFormat> ALL = all();

    private AmdViLogLines() {}

    private static List<LogFormat> all() {
        List<LogFormat> all = new ArrayList<>();
        for (AmdViEvent event : AmdViEvent.values()) {
            all.add(event(event));
        }
        all.add(LogFormat.bytes(
                Subject.STRUCTURE,
                DeviceTableEntry.LAYOUT.name(),
                MARK,
                "DTE\\[0\\]:",
                "DTE\\[[0-3]\\]: (?<word>[0-9a-f]{16})",
                DeviceTableEntry.LAYOUT.words(),
                Long.BYTES));
        all.add(LogFormat.bytes(
                Subject.COMMAND,
                "",
                MARK,
                "CMD\\[0\\]:",
                "CMD\\[[0-3]\\]: (?<word>[0-9a-f]{8})",
                AmdViCommand.BYTES / Integer.BYTES,
                Integer.BYTES));
        all.add(LogFormat.register(
                Efr.REGISTER.name(),
                MARK,
                "AMD-Vi: Extended features \\((?:0x)?(?<value>[0-9a-f]{1,16})[,)]",
                hex("value")));
        all.add(LogFormat.bytes(
                Subject.EVENT,
                "",
                "UNKNOWN event[0]=",
                "UNKNOWN event\\[0\\]=",
                "event\\[[0-3]\\]=0x(?<word>[0-9a-f]{8})",
                IoPageFault.LAYOUT.sizeBytes() / Integer.BYTES,
                Integer.BYTES));
        all.add(LogFormat.message(
                "RMP_",
                "(?:(?<reporter>" + FUNCTION + "): AMD-Vi: Event logged \\[)?\\b(?<event>RMP_PAGE_FAULT|RMP_HW_ERROR)"
                        + "(?: device=(?<device>" + FUNCTION + "),?)?(?: devid=(?<id>0x[0-9a-f]+),?)?"
                        + " vmg_tag=(?<tag>0x[0-9a-f]+),? [gs]pa=(?<address>0x[0-9a-f]+)",
                "SEV-SNP: the reverse map table refuses the access (RMP_PAGE_FAULT), or cannot be read (RMP_HW_ERROR);"
                        + " the table is not modelled",
                hex("event"),
                hex("reporter"),
                hex("device"),
                hex("id"),
                hex("tag"),
                hex("address")));
        all.add(LogFormat.message(
                MARK,
                "(?:Event|PPR|GA) [Ll]og restarting|Event buffer overflow",
                "The log was full, EventOverflow or PPROverflow of the status register: entries were lost, and software"
                        + " has started it anew"));
        all.add(LogFormat.message(
                MARK,
                "Completion-Wait loop timed out|Command buffer timeout",
                "The unit has not carried out a COMPLETION_WAIT in time: the command buffer has stopped, as after an "
                        + "ILLEGAL_COMMAND_ERROR or COMMAND_HARDWARE_ERROR, or a device does not answer"));
        return List.copyOf(all);
    }

    /** The older form has the event on a line of its own, so its name is the mark. */
    private static LogFormat event(AmdViEvent event) {
        List<LogValue> values = new ArrayList<>();
        values.add(constant(event.layout().field(IoPageFault.CODE.name()), event.code()));
        for (BitField field : event.layout().fields()) {
            switch (field.name()) {
                case "DeviceID" -> {
                    values.add(requester("reporter", field));
                    values.add(requester("device", field));
                }
                case "DomainID" -> values.add(hex("domain", field));
                case "PASID[15:0]" -> values.add(hex("pasid", field));
                case "PASID[19:16]" -> values.add(hex("pasid", field, PASID_LOW_BITS));
                case "Address" -> values.add(hex("address", field));
                default -> {
                    // One of the flags.
                }
            }
        }
        values.add(hex("flags", flags()));
        return LogFormat.structure(
                event.layout().name(),
                event.name(),
                "(?:(?<reporter>" + FUNCTION + "): AMD-Vi: Event logged \\[)?\\b" + event.name()
                        + "(?: device=(?<device>" + FUNCTION + "))?(?: domain=0x(?<domain>[0-9a-f]+))?"
                        + "(?: pasid=0x(?<pasid>[0-9a-f]+))?(?: tag=0x[0-9a-f]+)?(?: address=0x(?<address>[0-9a-f]+))?"
                        + "(?: flags=0x(?<flags>[0-9a-f]+))?",
                values.toArray(LogValue[]::new));
    }

    /** Bits 27:16 of the second doubleword, which a line gives as one number. */
    private static BitField flags() {
        int lowest = IoPageFault.GN.shift();
        return new BitField(
                "flags", IoPageFault.GN.word(), lowest, IoPageFault.CODE.shift() - lowest, false, List.of(), 0, "", "");
    }
}
