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
                    hex("function", AvailabilityRecord.FID)),
            step(
                    "Unblocking device access|Initiating reset",
                    "The function is in the error state, and the host brings it back: loads and stores first, then DMA"),
            step("The device is ready to resume operations", "The function and its driver go on"),
            step(
                    "Unblocking (?:device access|DMA) failed|The reset request failed",
                    "A step of the recovery was refused by the machine"),
            step(
                    "Automatic recovery failed|Cannot be recovered|does not support error recovery",
                    "The function stays in the error state, its loads, stores and DMA blocked, until it is"
                            + " deconfigured and configured again"),
            step(
                    "Leaving recovery of pass-through device to user-space",
                    "The function belongs to a guest, which recovers it"));

    private ZpciLogLines() {}

    /** A step of the recovery of a function. */
    private static LogFormat step(String words, String about) {
        return LogFormat.message(
                "zpci: ", "zpci: (?<device>[0-9a-f:.]+): .{0,80}?(?:" + words + ")", about, hex("device"));
    }
}
