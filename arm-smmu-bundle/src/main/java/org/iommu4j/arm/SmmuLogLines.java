package org.iommu4j.arm;

import static org.iommu4j.backend.log.LogValue.hex;

import java.util.List;
import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.EventFields;
import org.iommu4j.arm.command.SmmuRegisters.Gerror;
import org.iommu4j.backend.log.LogFormat;
import org.iommu4j.backend.log.LogFormat.Subject;

/**
 * Lines that Linux writes about an SMMU: the words of a record stand below its first line, one each. What newer versions add in
 * words behind a record says the same, and is left out.
 */
final class SmmuLogLines {
    private static final String MARK = "arm-smmu-v3 ";
    private static final String WORD = "arm-smmu-v3[^:]*(?::\\d+)?:\\s+0x(?<word>[0-9a-f]{16})\\s*$";

    /** All of them. */
    static final List<LogFormat> ALL = List.of(
            LogFormat.bytes(
                    Subject.EVENT,
                    "",
                    MARK,
                    "event 0x[0-9a-f]{1,2} received:\\s*$",
                    WORD,
                    EventFields.RECORD_WORDS,
                    Long.BYTES),
            LogFormat.bytes(
                    Subject.COMMAND,
                    "",
                    MARK,
                    "skipping command in error state:\\s*$",
                    "\\s0x(?<word>[0-9a-f]{16})\\s*$",
                    CommandFields.COMMAND_BYTES / Long.BYTES,
                    Long.BYTES),
            LogFormat.register(
                    Gerror.REGISTER.name(),
                    MARK,
                    "unexpected global error reported \\(0x(?<value>[0-9a-f]{1,8})\\)",
                    hex("value")),
            LogFormat.message(
                    MARK,
                    "CMD_SYNC timeout at 0x[0-9a-f]+",
                    "The command queue does not go on: the SMMU has not taken the CMD_SYNC, as after GERROR.CMDQ_ERR,"
                            + " or a device does not answer an ATC invalidation"));

    private SmmuLogLines() {}
}
