package org.iommu4j.arm;

import static org.iommu4j.backend.log.LogValue.constant;
import static org.iommu4j.backend.log.LogValue.hex;
import static org.iommu4j.backend.log.LogValue.name;
import static org.iommu4j.backend.log.LogValue.number;
import static org.iommu4j.layout.Code.code;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.EventFields;
import org.iommu4j.arm.command.EventType;
import org.iommu4j.arm.command.PageRequestEntry;
import org.iommu4j.arm.command.SmmuRegisters.Gerror;
import org.iommu4j.arm.command.SmmuRegisters.Queue;
import org.iommu4j.backend.log.LogFormat;
import org.iommu4j.backend.log.LogFormat.Subject;
import org.iommu4j.backend.log.LogValue;
import org.iommu4j.layout.BitField;

/**
 * Lines that Linux writes about an SMMU: the words of a record stand below its first line, one each. Newer versions add a line that
 * names the event and its ids, which is all there is where a log was filtered.
 */
final class SmmuLogLines {
    private static final String MARK = "arm-smmu-v3 ";
    private static final String WORD = "arm-smmu-v3[^:]*(?::\\d+)?:\\s+0x(?<word>[0-9a-f]{16})\\s*$";
    private static final String NUMBER = "(?:0x)?[0-9a-f]{1,16}";

    /** All of them. */
    static final List<LogFormat> ALL = all();

    private SmmuLogLines() {}

    private static List<LogFormat> all() {
        List<LogFormat> all = new ArrayList<>();
        all.add(LogFormat.bytes(
                Subject.EVENT,
                "",
                MARK,
                "event 0x[0-9a-f]{1,2} received:\\s*$",
                WORD,
                EventFields.RECORD_WORDS,
                Long.BYTES));
        for (EventType type : EventType.values()) {
            all.add(named(type));
        }
        all.add(LogFormat.bytes(
                Subject.COMMAND,
                "",
                MARK,
                "skipping command in error state:\\s*$",
                "\\s0x(?<word>[0-9a-f]{16})\\s*$",
                CommandFields.COMMAND_BYTES / Long.BYTES,
                Long.BYTES));
        all.add(LogFormat.register(
                Queue.COMMANDS.consumer().name(), MARK, "CMDQ error \\(cons 0x(?<value>[0-9a-f]{1,8})", hex("value")));
        all.add(LogFormat.register(
                Gerror.REGISTER.name(),
                MARK,
                "unexpected global error reported ?\\(0x(?<value>[0-9a-f]{1,8})\\)",
                hex("value")));
        all.add(LogFormat.structure(
                PageRequestEntry.LAYOUT.name(),
                "access at iova",
                "sid 0x(?<sid>[0-9a-f]{1,8})\\.0x(?<ssid>[0-9a-f]{1,5}): \\[(?<group>\\d+)(?<last>L)?\\]"
                        + " (?<privileged>un)?privileged (?<read>R)?(?<write>W)?(?<execute>X)? ?access at iova"
                        + " 0x(?<page>[0-9a-f]{1,16})",
                hex("sid", PageRequestEntry.SID),
                hex("ssid", PageRequestEntry.SSID),
                number("group", PageRequestEntry.PRG_INDEX),
                name("last", PageRequestEntry.LAST, code(1, "L")),
                name("privileged", PageRequestEntry.PRIVILEGED, code(0, "un")),
                name("read", PageRequestEntry.READ, code(1, "R")),
                name("write", PageRequestEntry.WRITE, code(1, "W")),
                name("execute", PageRequestEntry.EXECUTE, code(1, "X")),
                hex("page", PageRequestEntry.PAGE)));
        all.add(LogFormat.message(
                MARK,
                "CMD_SYNC timeout|CMDQ timeout",
                "The command queue does not go on: the SMMU has not taken the command, as after GERROR.CMDQ_ERR,"
                        + " or a device does not answer an ATC invalidation"));
        all.add(LogFormat.message(
                MARK,
                "(?:EVTQ|PRIQ) overflow detected",
                "Records came while the queue was full: those are lost, and OVFLG tells; IHI 0070 7.4 and 8.2"));
        all.add(LogFormat.message(
                MARK,
                "(?:EVTQ|PRIQ) write aborted",
                "A record could not be written to its queue, GERROR.EVENTQ_ABT_ERR or PRIQ_ABT_ERR: it is lost"));
        all.add(
                LogFormat.message(
                        MARK,
                        "(?:GERROR|PRIQ|EVTQ|CMDQ) MSI write aborted",
                        "The message of an interrupt could not be written, GERROR.MSI_*_ABT_ERR: software must look by itself"));
        all.add(LogFormat.message(
                MARK,
                "device has entered Service Failure Mode",
                "GERROR.SFM_ERR: the SMMU has given up, every transaction is terminated; only a reset ends it"));
        return List.copyOf(all);
    }

    /** The line that names an event and its ids. */
    private static LogFormat named(EventType type) {
        List<LogValue> values = new ArrayList<>();
        for (BitField field : type.layout().fields()) {
            if (field.equals(EventFields.SID)) {
                values.add(hex("sid", field));
            } else if (field.equals(EventFields.SSID)) {
                values.add(hex("ssid", field));
            } else if (field.equals(EventFields.INPUT_ADDRESS)) {
                values.add(hex("iova", field));
            } else if (field.equals(EventFields.IPA)) {
                values.add(hex("ipa", field));
            } else if (field.equals(EventFields.FETCH_ADDRESS)) {
                values.add(hex("fetch", field));
            } else if (field.word() == 0 && field.shift() == 0) {
                values.add(constant(field, type.code()));
            }
        }
        return LogFormat.structure(
                type.layout().name(),
                "event: " + type.name() + " ",
                "event: " + type.name() + " client: .{1,80}? sid: (?<sid>" + NUMBER + ")(?: ssid: (?<ssid>" + NUMBER
                        + "))?"
                        + "(?: iova: (?<iova>" + NUMBER + ") ipa: (?<ipa>" + NUMBER + "))?"
                        + "(?: fetch_addr: (?<fetch>" + NUMBER + "))?",
                values.toArray(LogValue[]::new));
    }
}
