package org.iommu4j.s390;

import static org.iommu4j.backend.log.LogValue.hex;

import java.util.List;
import org.iommu4j.backend.log.LogFormat;
import org.iommu4j.s390.command.AvailabilityRecord;
import org.iommu4j.s390.command.ErrorRecord;

/** Lines that Linux writes on Z about events of functions: the code and the function id of the record. */
final class ZpciLogLines {
    private static final String EVENT = "Event 0x(?<code>[0-9a-f]{1,4}) ";
    private static final String FUNCTION = " PCI function 0x(?<function>[0-9a-f]{1,8})";

    /** All of them. */
    static final List<LogFormat> ALL = List.of(
            LogFormat.structure(
                    ErrorRecord.LAYOUT.name(),
                    "PCI function",
                    EVENT + "reports an error for" + FUNCTION,
                    hex("code", ErrorRecord.PEC),
                    hex("function", ErrorRecord.FID)),
            LogFormat.structure(
                    AvailabilityRecord.LAYOUT.name(),
                    "PCI function",
                    EVENT + "reconfigured" + FUNCTION,
                    hex("code", AvailabilityRecord.PEC),
                    hex("function", AvailabilityRecord.FID)));

    private ZpciLogLines() {}
}
