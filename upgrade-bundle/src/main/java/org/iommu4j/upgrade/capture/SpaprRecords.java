package org.iommu4j.upgrade.capture;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.upgrade.capture.CallRecords.Capability;
import org.iommu4j.upgrade.capture.CallRule.Argument;
import org.iommu4j.upgrade.capture.CallRule.Result;
import org.iommu4j.upgrade.capture.CallRule.Value;
import org.iommu4j.upgrade.capture.CaptureModel.GenerationRule;

/**
 * Captures of sPAPR guests: hypercalls, and QEMU's text of the RTAS calls for dynamic windows. The tables are the host's, so
 * what the guest did to them is the calls alone.
 *
 * <p>{@code table} records say that a window came or went; the call that did it does it here too. The first one tells what the
 * default window is, which is there from reset.
 */
final class SpaprRecords {
    /** The page sizes of {@code ibm,query-pe-dma-window}, bit 0 first: 4K, 64K, 16M, 32M, 64M, 128M, 256M, 16G, 2M. */
    private static final List<Integer> RTAS_PAGE_SHIFTS = List.of(12, 16, 24, 25, 26, 27, 28, 34, 21);

    private static final String NUMBER = "(0x[0-9a-f]{1,16})";
    private static final String BRIDGE = " buid=(?<buid>" + NUMBER + ") addr=(?<addr>" + NUMBER + ")";

    private static final List<Argument> BRIDGE_ARGUMENTS = List.of(
            Argument.next(Value.of("addr")),
            Argument.next(Value.high("buid")),
            Argument.next(Value.low("buid", Integer.SIZE)));

    private static final List<CallRule> RULES = List.of(
            new CallRule(
                    "hcall",
                    null,
                    null,
                    "call",
                    null,
                    null,
                    0,
                    List.of(Argument.list("args")),
                    new CallRule.Stores("tces", 2),
                    Value.of("ret"),
                    List.of(),
                    Map.of(),
                    null),
            window(
                    "ddw_query",
                    BRIDGE + ", (?<windows>[0-9]{1,9}) windows available, max window size=" + NUMBER + ", mask=(?<mask>"
                            + NUMBER + ")",
                    "ibm,query-pe-dma-window",
                    5,
                    BRIDGE_ARGUMENTS,
                    Result.output("windows", 0, Value.of("windows")),
                    Result.output("mask", 2, Value.of("mask"))),
            window(
                    "ddw_create",
                    BRIDGE + ", page size=(?<page>" + NUMBER + "), requested=(?<size>" + NUMBER
                            + "), start addr=(?<start>" + NUMBER + "), liobn=(?<liobn>" + NUMBER + ")",
                    "ibm,create-pe-dma-window",
                    4,
                    List.of(
                            Argument.next(Value.of("addr")),
                            Argument.next(Value.high("buid")),
                            Argument.next(Value.low("buid", Integer.SIZE)),
                            Argument.next(Value.log2("page")),
                            Argument.next(Value.log2("size"))),
                    Result.output("liobn", 0, Value.of("liobn")),
                    Result.output("start address, high", 1, Value.high("start")),
                    Result.output("start address, low", 2, Value.low("start", Integer.SIZE))),
            window(
                    "ddw_remove",
                    " liobn=(?<liobn>" + NUMBER + ")",
                    "ibm,remove-pe-dma-window",
                    1,
                    List.of(Argument.next(Value.of("liobn")))),
            window("ddw_reset", BRIDGE, "ibm,reset-pe-dma-window", 1, BRIDGE_ARGUMENTS));

    /** The window that is there from reset: number 0 of its bridge, in an LIOBN as QEMU makes them. */
    private static final CallRecords.Told DEFAULT_WINDOW = new CallRecords.Told(
            "table",
            "what",
            "enable",
            Value.low("liobn", Byte.SIZE),
            "window",
            Map.of(
                    "bridge", Value.bits("liobn", Byte.SIZE, Byte.SIZE),
                    "base", Value.of("bus_offset"),
                    "size", Value.scaled("entries", "page_shift")));

    static final CaptureModel MODEL = new CaptureModel(
            "spapr",
            IommuModel.SPAPR,
            Map.of(),
            List.of(),
            null,
            List.of(
                    new GenerationRule(3, "dynamic windows", "ddw_create", 1, 1),
                    new GenerationRule(2, "H_PUT_TCE_INDIRECT", "H_PUT_TCE_INDIRECT", 1, 1),
                    new GenerationRule(2, "H_STUFF_TCE", "H_STUFF_TCE", 1, 1),
                    new GenerationRule(1, "H_PUT_TCE", null, 0, 0)),
            Set.of(),
            List.of(),
            List.of(),
            List.of(),
            new CallRecords(
                    RULES,
                    List.of(DEFAULT_WINDOW),
                    List.of(
                            Capability.pageSizes("ddw_query.mask", "pe", "pgsizes", RTAS_PAGE_SHIFTS),
                            Capability.of("window.bridge", "pe", "phb"),
                            Capability.of("window.base", "pe", "dma32_start"),
                            Capability.of("window.size", "pe", "dma32_size")),
                    Set.of("window.bridge"),
                    // QEMU's bridge refuses an access and nothing else.
                    List.of(new CallRecords.Choice(CallRecords.REFUSED_ACCESS, null, "eeh", "off")),
                    Set.of(),
                    new CallRecords.FrozenCalls(false, true, null, List.of())));

    private SpaprRecords() {}

    private static CallRule window(
            String event, String text, String call, int returnCells, List<Argument> arguments, Result... results) {
        return new CallRule(
                "ddw",
                Pattern.compile(event + text),
                "ddw",
                null,
                event,
                call,
                returnCells,
                arguments,
                null,
                Value.constant(0),
                List.of(results),
                Map.of(),
                null);
    }
}
