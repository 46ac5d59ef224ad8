package org.iommu4j.intel;

import static org.iommu4j.backend.log.LogValue.constant;
import static org.iommu4j.backend.log.LogValue.hex;
import static org.iommu4j.backend.log.LogValue.name;
import static org.iommu4j.backend.log.LogValue.number;
import static org.iommu4j.backend.log.LogValue.requester;
import static org.iommu4j.backend.log.LogValue.word;
import static org.iommu4j.layout.Code.code;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.log.LogFormat;
import org.iommu4j.backend.log.LogFormat.Subject;
import org.iommu4j.backend.log.LogValue;
import org.iommu4j.intel.command.DeviceTlbInvalidate;
import org.iommu4j.intel.command.FaultRecord;
import org.iommu4j.intel.command.PageRequestRecord;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.FaultStatus;
import org.iommu4j.intel.command.VtdRegisters.QueueError;
import org.iommu4j.intel.table.ContextEntry;
import org.iommu4j.intel.table.FsPte;
import org.iommu4j.intel.table.PasidDirectoryEntry;
import org.iommu4j.intel.table.PasidEntry;
import org.iommu4j.intel.table.RootEntry;
import org.iommu4j.intel.table.ScalableContextEntry;
import org.iommu4j.intel.table.ScalableRootEntry;
import org.iommu4j.intel.table.SlPte;
import org.iommu4j.layout.Layout;

/**
 * Lines that Linux writes about units of VT-d. Fault records were written on two lines before 4.0, without PASID before 5.0, with
 * PASID ffffffff for none until 5.13, and with NO_PASID and hexadecimal reasons since.
 */
final class VtdLogLines {
    private static final String MARK = "DMAR:";
    private static final String FUNCTION = "(?:[0-9a-fA-F]{4}:)?(?:0x)?[0-9a-f]{2}:(?:0x)?[0-9a-f]{2}\\.[0-7]";
    private static final String REASON = "\\[fault reason (?<reason>(?:0x)?[0-9a-f]+)\\]";

    /** Values of entries and descriptors, as older and newer versions write them. */
    private static final String WORD = "[0-9a-f]{1,16}";

    private static final String CONTEXT = "context entry: hi 0x(?<high>" + WORD + "), low 0x(?<low>" + WORD + ")";
    private static final String PAGE = "pte level: \\d, pte value: 0x(?<low>" + WORD + ")";

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
            LogFormat.structure(
                    FaultRecord.LAYOUT.name(),
                    "fault reason",
                    "(?:DMAR|INTR-REMAP): ?" + REASON,
                    number("reason", FaultRecord.FR)),
            LogFormat.structure(
                    FaultRecord.LAYOUT.name(),
                    "INTR-REMAP",
                    "(?:\\[INTR-REMAP\\]|INTR-REMAP:) ?Request device \\[{1,2}(?<device>" + FUNCTION
                            + ")\\] fault index (?:0x)?[0-9a-f]+(?:\\s+" + REASON + ")?",
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
            LogFormat.bytes(
                    Subject.COMMAND,
                    "",
                    "VT-d detected",
                    "VT-d detected invalid descriptor:",
                    "(?:low|high|qw[01]) ?= ?(?:0x)?(?<word>" + WORD + ")",
                    2,
                    Long.BYTES),
            LogFormat.structure(
                    PageRequestRecord.LAYOUT.name(),
                    "age request",
                    "(?:Invalid page request|Page request without PASID): (?<first>" + WORD + ") (?<second>" + WORD
                            + ")",
                    word("first", PageRequestRecord.PASID.word()),
                    word("second", PageRequestRecord.ADDR.word())),
            entry(RootEntry.LAYOUT, "DMAR: root entry: 0x(?<low>" + WORD + ")"),
            entry(ScalableRootEntry.LAYOUT, "scalable mode root entry: hi 0x" + WORD + ", low 0x(?<low>" + WORD + ")"),
            entry(ScalableRootEntry.LAYOUT, "scalable mode root entry: hi 0x(?<low>" + WORD + "), low"),
            // The line is the same in both modes; which of the two it is, the root entry tells.
            entry(ContextEntry.LAYOUT, CONTEXT),
            entry(ScalableContextEntry.LAYOUT, CONTEXT),
            entry(PasidDirectoryEntry.LAYOUT, "pasid dir entry: 0x(?<low>" + WORD + ")"),
            LogFormat.bytes(
                    Subject.STRUCTURE,
                    PasidEntry.LAYOUT.name(),
                    MARK,
                    "pasid table entry\\[0\\]:",
                    "pasid table entry\\[[0-7]\\]: 0x(?<word>" + WORD + ")",
                    PasidEntry.LAYOUT.words(),
                    Long.BYTES),
            // Likewise the entry of a page table, of the second stage or of the first.
            entry(SlPte.LAYOUT, PAGE),
            entry(FsPte.LAYOUT, PAGE),
            LogFormat.message(
                    MARK,
                    "(?:page table|PTE) not present at level \\d",
                    "The walk ends at that level: the entry above it has no permission and leads nowhere"),
            LogFormat.structure(
                    DeviceTlbInvalidate.LAYOUT.name(),
                    "VT-d detected",
                    "VT-d detected Invalidation (?:Completion Error|Time-out Error): SID (?<device>(?:0x)?[0-9a-f]+)",
                    hex("device", DeviceTlbInvalidate.SID)),
            LogFormat.message(
                    "VT-d detected",
                    "VT-d detected Invalidation (?:Completion Error|Time-out Error): SID (?:0x)?[0-9a-f]+",
                    "A device did not answer the invalidation of its TLB (Time-out), or answered what it was not asked "
                            + "(Completion): FSTS.ITE, FSTS.ICE; the queue goes on when software clears them"),
            LogFormat.message(
                    "VT-d detected",
                    "VT-d detected Invalidation Queue Error: Reason (?<reason>(?:0x)?[0-9a-f]+)",
                    "The unit could not fetch or read a descriptor of the invalidation queue, FSTS.IQE: it stops at"
                            + " the head",
                    new LogValue("reason", LogValue.Reading.HEX, null, 0, QueueError.IQEI.codes())),
            LogFormat.message(
                    MARK,
                    "Invalidation (?:Time-out|Completion|Queue) Error \\((?:ITE|ICE|IQE)\\) cleared",
                    "Software has cleared the error in FSTS: the queue goes on"));

    private VtdLogLines() {}

    /** Up to two words of an entry of a table. */
    private static LogFormat entry(Layout layout, String pattern) {
        List<LogValue> values = new ArrayList<>();
        values.add(word("low", 0));
        if (pattern.contains("<high>")) {
            values.add(word("high", 1));
        }
        return LogFormat.structure(layout.name(), MARK, pattern, values.toArray(LogValue[]::new));
    }
}
