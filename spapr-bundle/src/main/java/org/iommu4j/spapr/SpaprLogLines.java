package org.iommu4j.spapr;

import static org.iommu4j.backend.log.LogValue.hex;
import static org.iommu4j.backend.log.LogValue.number;
import static org.iommu4j.backend.log.LogValue.word;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.log.LogFormat;
import org.iommu4j.backend.log.LogValue;
import org.iommu4j.spapr.command.HypercallCode;
import org.iommu4j.spapr.command.PestEntry;
import org.iommu4j.spapr.table.Tce;

/**
 * Lines that Linux writes on Power: enhanced error handling (EEH) of endpoints that were stopped, what a host bridge recorded of
 * them, and TCE hypercalls that failed.
 */
final class SpaprLogLines {
    private static final String MARK = "EEH: ";
    private static final String PLACE = "PHB#(?<phb>[0-9a-f]+)-PE#(?<pe>[0-9a-f]+)";

    /** The older form names the endpoint first. */
    private static final String OLD_PLACE = "PE#(?<pe>[0-9a-f]+) on PHB#(?<phb>[0-9a-f]+)";

    private static final String FROZEN =
            "The endpoint is stopped: its DMA is refused and loads from it find all ones, until ibm,set-eeh-option or "
                    + "ibm,set-slot-reset brings it back; docs/spec/spapr-tce.md 2.4";
    private static final String WORD = "[0-9a-f]{16}";

    /** All of them. */
    static final List<LogFormat> ALL = List.of(
            endpoint("Frozen " + PLACE + " detected", FROZEN),
            endpoint("Frozen " + OLD_PLACE + " detected", FROZEN),
            endpoint(
                    "Recovering " + PLACE,
                    "The host resets the endpoint and sets it up again; docs/spec/spapr-tce.md 2.4"),
            endpoint(
                    "Unable to recover from failure from " + PLACE,
                    "The endpoint stays stopped: it fails again and again, or a step of its recovery has failed"),
            endpoint(
                    PLACE + " has failed (?<times>\\d+) times in the last hour and has been permanently disabled",
                    "Beyond a number of failures in an hour the host gives the endpoint up",
                    number("times", List.of())),
            LogFormat.message(
                    MARK,
                    "EEH: PHB#(?<phb>[0-9a-f]+) failure detected",
                    "The whole host bridge is stopped, with every endpoint behind it",
                    message("phb")),
            LogFormat.message(
                    MARK,
                    "EEH: Notify device drivers? to (?:shutdown|resume)|EEH: Beginning: '(?<step>[a-z_]+)",
                    "A step of the recovery: drivers are told that their device is stopped, reset or back",
                    message("step")),
            LogFormat.message(MARK, "EEH: Recovery successful", "The endpoint goes on, and its drivers with it"),
            LogFormat.message(
                    MARK,
                    "EEH: (?:Fenced PHB#(?<fenced>[0-9a-f]+) detected|[Dd]ead PHB#(?<dead>[0-9a-f]+) detected)",
                    "The whole host bridge is stopped, with every endpoint behind it: fenced until a complete reset,"
                            + " dead for good",
                    message("fenced"),
                    message("dead")),
            LogFormat.message(
                    MARK,
                    "EEH: This PCI device has failed (?<times>\\d+) times",
                    "Beyond a number of failures in an hour the host gives the endpoint up",
                    number("times", List.of())),
            LogFormat.structure(
                    PestEntry.LAYOUT.name(),
                    "A/B:",
                    "PE\\[[ 0-9a-f.]+\\] A/B: (?<first>" + WORD + ") (?<second>" + WORD + ")",
                    word("first", PestEntry.TYPE.word()),
                    word("second", PestEntry.ADDRESS.word())),
            LogFormat.structure(
                    Tce.LAYOUT.name(), "tce val", "tce val = (?:0x)?(?<value>[0-9a-f]{1,16})", word("value", 0)),
            LogFormat.message(
                    "plpar_tce_",
                    "plpar_tce_(?:put|stuff|put_indirect|get) failed(?:\\. rc=(?<code>-?\\d+))?",
                    "A hypercall that stores or reads translation entries was refused; docs/spec/spapr-tce.md 2.1",
                    number("code", HypercallCode.ALL)),
            // The line below, where the code does not stand in the same one.
            LogFormat.message(
                    "rc      = ",
                    "\\brc {6}= (?<code>-?\\d+)\\s*$",
                    "The code of the hypercall that was refused",
                    number("code", HypercallCode.ALL)),
            LogFormat.message(
                    "iommu_alloc",
                    "iommu_alloc(?:_sg)? failed, tbl",
                    "The driver finds no room for the mapping in the DMA window: no hypercall was made"));

    private SpaprLogLines() {}

    private static LogFormat endpoint(String pattern, String about, LogValue... more) {
        List<LogValue> values = new ArrayList<>(List.of(message("phb"), message("pe")));
        values.addAll(List.of(more));
        return LogFormat.message(MARK, MARK + pattern, about, values.toArray(LogValue[]::new));
    }

    private static LogValue message(String group) {
        return hex(group);
    }
}
