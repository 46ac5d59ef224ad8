package org.iommu4j.spapr.capture;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.capture.CallRecords;
import org.iommu4j.backend.capture.CallRecords.Capability;
import org.iommu4j.backend.capture.CallRule;
import org.iommu4j.backend.capture.CallRule.Argument;
import org.iommu4j.backend.capture.CallRule.Result;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.backend.capture.CaptureFormat.GenerationRule;
import org.iommu4j.backend.capture.CapturedNumber;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.spapr.command.SpaprGeneration;

/**
 * Captures of sPAPR guests: hypercalls, and QEMU's text of the RTAS calls for dynamic windows. The tables are the host's, so
 * what the guest did to them is the calls alone.
 *
 * <p>{@code table} records say that a window came or went; the call that did it does it here too. The first one of a host
 * bridge tells what its default window is, which is there from reset. Each host bridge is a unit of its own: an LIOBN holds
 * the bridge's number, and a BUID ends with it.
 */
public final class SpaprCaptureFormat {
    /** The page sizes of {@code ibm,query-pe-dma-window}, bit 0 first: 4K, 64K, 16M, 32M, 64M, 128M, 256M, 16G, 2M. */
    private static final List<Integer> RTAS_PAGE_SHIFTS = List.of(12, 16, 24, 25, 26, 27, 28, 34, 21);

    private static final String NUMBER = "(0x[0-9a-f]{1,16})";
    private static final String BRIDGE = " buid=(?<buid>" + NUMBER + ") addr=(?<addr>" + NUMBER + ")";

    /** Status of the calls for windows in a capture, which has those that succeeded only. */
    private static final CapturedNumber DONE = CapturedNumber.constant(0);

    private static final CapturedNumber BRIDGE_OF_BUID =
            CapturedNumber.of("buid").bits(0, Byte.SIZE);

    /** The cells that begin the calls for the windows of a bridge. */
    private static final List<CapturedNumber> BRIDGE_CELLS =
            List.of(CapturedNumber.of("addr"), CapturedNumber.high("buid"), CapturedNumber.low("buid"));

    private static final List<CallRule> RULES = List.of(
            CallRule.named("hcall", "call", null, CapturedNumber.of("ret"), List.of(Argument.list("args")))
                    .storing(new CallRule.Stores("tces", 2))
                    .ofUnit(bridgeOf(CapturedNumber.first("args"))),
            windows(
                    "ddw_query",
                    BRIDGE + ", (?<windows>[0-9]{1,9}) windows available, max window size=" + NUMBER + ", mask=(?<mask>"
                            + NUMBER + ")",
                    "ibm,query-pe-dma-window",
                    5,
                    BRIDGE_OF_BUID,
                    BRIDGE_CELLS,
                    Result.output("windows", 0, CapturedNumber.of("windows")),
                    Result.output("mask", 2, CapturedNumber.of("mask"))),
            windows(
                    "ddw_create",
                    BRIDGE + ", page size=(?<page>" + NUMBER + "), requested=(?<size>" + NUMBER
                            + "), start addr=(?<start>" + NUMBER + "), liobn=(?<liobn>" + NUMBER + ")",
                    "ibm,create-pe-dma-window",
                    4,
                    BRIDGE_OF_BUID,
                    List.of(
                            BRIDGE_CELLS.get(0),
                            BRIDGE_CELLS.get(1),
                            BRIDGE_CELLS.get(2),
                            CapturedNumber.log2("page"),
                            CapturedNumber.log2("size")),
                    Result.output("liobn", 0, CapturedNumber.of("liobn")),
                    Result.output("start address, high", 1, CapturedNumber.high("start")),
                    Result.output("start address, low", 2, CapturedNumber.low("start"))),
            windows(
                    "ddw_remove",
                    " liobn=(?<liobn>" + NUMBER + ")",
                    "ibm,remove-pe-dma-window",
                    1,
                    bridgeOf(CapturedNumber.of("liobn")),
                    List.of(CapturedNumber.of("liobn"))),
            windows("ddw_reset", BRIDGE, "ibm,reset-pe-dma-window", 1, BRIDGE_OF_BUID, BRIDGE_CELLS));

    /** The window that is there from reset: number 0 of its bridge, in an LIOBN as QEMU makes them. */
    private static final CallRecords.Description DEFAULT_WINDOW = new CallRecords.Description(
            "table",
            "what",
            "enable",
            CapturedNumber.of("liobn").bits(0, Byte.SIZE),
            "window",
            Map.of(
                    "bridge", bridgeOf(CapturedNumber.of("liobn")),
                    "base", CapturedNumber.of("bus_offset"),
                    "size", CapturedNumber.scaled("entries", "page_shift")),
            bridgeOf(CapturedNumber.of("liobn")));

    /** The format. */
    public static final CaptureFormat FORMAT = CaptureFormat.of("spapr", IommuModel.SPAPR)
            .defaultCapture("spapr/noddw-nvme-e1000")
            .generations(
                    GenerationRule.ofFact(SpaprGeneration.IODA2, "dynamic windows", "ddw_create", 1),
                    GenerationRule.ofFact(SpaprGeneration.TCE_V1_MULTI, "H_PUT_TCE_INDIRECT", "H_PUT_TCE_INDIRECT", 1),
                    GenerationRule.ofFact(SpaprGeneration.TCE_V1_MULTI, "H_STUFF_TCE", "H_STUFF_TCE", 1),
                    GenerationRule.otherwise(SpaprGeneration.TCE_V1, "H_PUT_TCE"))
            .unitOfRequester(bridgeOf(CapturedNumber.of("dev")))
            .calls(new CallRecords(
                    RULES,
                    List.of(DEFAULT_WINDOW),
                    List.of(
                            Capability.pageSizes("ddw_query.mask", "pe", "pgsizes", RTAS_PAGE_SHIFTS),
                            Capability.of("window.bridge", "pe", "phb"),
                            Capability.of("window.base", "pe", "dma32_start"),
                            Capability.of("window.size", "pe", "dma32_size")),
                    // QEMU's bridge refuses an access and nothing else.
                    List.of(new CallRecords.Choice(CallRecords.REFUSED_ACCESS, null, "eeh", "off")),
                    Set.of(),
                    new CallRecords.FrozenCalls(false, true, null, List.of())))
            .build();

    private SpaprCaptureFormat() {}

    /** The number of the bridge in an LIOBN as QEMU makes them: bit 31, the bridge in bits 15:8, the window in bits 7:0. */
    private static CapturedNumber bridgeOf(CapturedNumber liobn) {
        return liobn.bits(Byte.SIZE, Byte.SIZE);
    }

    private static CallRule windows(
            String event,
            String text,
            String call,
            int returnCells,
            CapturedNumber bridge,
            List<CapturedNumber> cells,
            Result... results) {
        List<Argument> arguments = new ArrayList<>();
        arguments.add(Argument.word(CallFormat.RTAS_ARGUMENT_COUNT, CapturedNumber.constant(cells.size())));
        arguments.add(Argument.word(CallFormat.RTAS_RETURN_COUNT, CapturedNumber.constant(returnCells)));
        int word = CallFormat.RTAS_FIRST_ARGUMENT;
        for (CapturedNumber cell : cells) {
            arguments.add(Argument.word(word++, cell));
        }
        return CallRule.ofText("ddw", Pattern.compile(event + text), event, call, DONE, arguments, results)
                .ofUnit(bridge);
    }
}
