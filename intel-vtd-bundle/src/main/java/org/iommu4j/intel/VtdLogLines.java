package org.iommu4j.intel;

import static org.iommu4j.backend.log.LogValue.constant;
import static org.iommu4j.backend.log.LogValue.hex;
import static org.iommu4j.backend.log.LogValue.name;
import static org.iommu4j.backend.log.LogValue.number;
import static org.iommu4j.backend.log.LogValue.requester;
import static org.iommu4j.layout.Code.code;

import java.util.List;
import org.iommu4j.backend.log.LogFormat;
import org.iommu4j.backend.log.LogFormat.Subject;
import org.iommu4j.intel.command.FaultRecord;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.FaultStatus;

/**
 * Lines that Linux writes about units of VT-d. Fault records were written on two lines before 4.0, without PASID before 5.0, with
 * PASID ffffffff for none until 5.13, and with NO_PASID and hexadecimal reasons since.
 */
final class VtdLogLines {
    private static final String MARK = "DMAR:";
    private static final String FUNCTION = "(?:[0-9a-fA-F]{4}:)?(?:0x)?[0-9a-f]{2}:(?:0x)?[0-9a-f]{2}\\.[0-7]";
    private static final String REASON = "\\[fault reason (?<reason>(?:0x)?[0-9a-f]+)\\]";

    /** All of them. */
    static final List<LogFormat> ALL = List.of(
            LogFormat.structure(
                    FaultRecord.LAYOUT.name(),
                    MARK,
                    "DMAR: ?\\[DMA (?<access>Read|Write)(?: NO_PASID| PASID (?<with>0x[0-9a-f]+))?\\] Request device"
                            + " \\[(?<device>"
                            + FUNCTION
                            + ")\\](?: PASID (?:[fF]{8}|(?<pasid>[0-9a-f]+)))? fault addr (?<address>(?:0x)?[0-9a-f]+)"
                            + "(?:\\s+" + REASON + ")?",
                    name("access", FaultRecord.T1, code(1, "Read"), code(0, "Write")),
                    requester("device", FaultRecord.SID),
                    hex("with", FaultRecord.PASID),
                    hex("pasid", FaultRecord.PASID),
                    hex("address", FaultRecord.FI),
                    number("reason", FaultRecord.FR),
                    constant(FaultRecord.F, 1)),
            LogFormat.structure(FaultRecord.LAYOUT.name(), MARK, "DMAR: ?" + REASON, number("reason", FaultRecord.FR)),
            LogFormat.structure(
                    FaultRecord.LAYOUT.name(),
                    MARK,
                    "DMAR: ?\\[INTR-REMAP\\] Request device \\[(?<device>" + FUNCTION
                            + ")\\] fault index (?:0x)?[0-9a-f]+\\s+" + REASON,
                    requester("device", FaultRecord.SID),
                    number("reason", FaultRecord.FR),
                    constant(FaultRecord.F, 1)),
            LogFormat.register(
                    FaultStatus.REGISTER.name(),
                    "DRHD:",
                    "DRHD: handling fault status reg (?<value>[0-9a-f]+)",
                    hex("value")),
            LogFormat.register(
                    Cap.REGISTER.name(), " cap ", "ver \\d+:\\d+ cap (?<value>[0-9a-f]+) ecap", hex("value")),
            LogFormat.register(
                    Ecap.REGISTER.name(),
                    " ecap ",
                    "ver \\d+:\\d+ cap [0-9a-f]+ ecap (?<value>[0-9a-f]+)",
                    hex("value")),
            LogFormat.bytes(
                    Subject.COMMAND,
                    "",
                    "DMAR: QI ",
                    "DMAR: QI (?:HEAD|PRIOR):",
                    "qw[01] = 0x(?<word>[0-9a-f]{1,16})",
                    2,
                    Long.BYTES),
            LogFormat.message(
                    "VT-d detected",
                    "VT-d detected Invalidation (?:Completion Error|Time-out Error): SID (?:0x)?[0-9a-f]+",
                    "A device did not answer the invalidation of its TLB (Time-out), or answered what it was not asked "
                            + "(Completion): FSTS.ITE, FSTS.ICE; the queue goes on when software clears them"),
            LogFormat.message(
                    "VT-d detected",
                    "VT-d detected Invalidation Queue Error: Reason (?:0x)?[0-9a-f]+",
                    "The unit could not fetch or read a descriptor of the invalidation queue, FSTS.IQE: it stops at"
                            + " the head"));

    private VtdLogLines() {}
}
