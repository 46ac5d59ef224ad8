package org.iommu4j.upgrade.capture;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.upgrade.capture.CallRecords.Capability;
import org.iommu4j.upgrade.capture.CallRule.Argument;
import org.iommu4j.upgrade.capture.CallRule.Placed;
import org.iommu4j.upgrade.capture.CallRule.Result;
import org.iommu4j.upgrade.capture.CallRule.Value;
import org.iommu4j.upgrade.capture.CaptureModel.GenerationRule;

/**
 * Captures of IBM Z guests: the instructions for PCI functions. A refresh's table reads follow it; the guest had written
 * these words before.
 *
 * <p>{@code shadow} records say what a refresh changed in the captured machine's shadow table. A chip is free in what it
 * keeps, so they are passed over: the translations that follow show the same.
 */
final class ZpciRecords {
    private static final String REFRESH = "rpcit";

    /** Lengths of a CLP request and of the responses that Linux asks for, in bytes. */
    private static final int REQUEST = 32;

    private static final int SET_RESPONSE = 32;
    private static final int FUNCTION_RESPONSE = 384;
    private static final int GROUP_RESPONSE = 64;

    private static final int QUERY_FUNCTION = 3;
    private static final int QUERY_GROUP = 4;
    private static final int SET_FUNCTION = 5;
    private static final Value DONE = Value.constant(0x10);

    /** Fact of a query: which function a handle names. */
    private static final String INDEX = "index";

    /** Fact of a change of state: the function was disabled. */
    private static final String DISABLED = "oc";

    private static final int FIB_BYTES = 80;
    private static final long REGISTER_IOAT = 4;

    private static final List<CallRule> RULES = List.of(
            rule(
                            "clp_set_pci",
                            "CLP",
                            List.of(clp(
                                    SET_FUNCTION,
                                    SET_RESPONSE,
                                    new Placed(16, 4, Value.of("handle")),
                                    new Placed(22, 1, Value.of("oc")),
                                    new Placed(23, 1, Value.of("ndas")))),
                            Value.constant(0),
                            response("rsp", 2, 2, Value.of("rsp")),
                            response("new_handle", 16, 4, Value.of("new_handle")))
                    .telling(DISABLED, Value.of("oc")),
            rule(
                            "clp_query_pci",
                            "CLP",
                            List.of(clp(QUERY_FUNCTION, FUNCTION_RESPONSE, new Placed(16, 4, Value.of("handle")))),
                            Value.constant(0),
                            response("rsp", 2, 2, DONE),
                            response("pfgid", 19, 1, Value.of("pfgid")),
                            response("sdma", 64, 8, Value.of("sdma")),
                            response("edma", 72, 8, Value.of("edma")))
                    .telling(INDEX, Value.low("handle", Short.SIZE)),
            rule(
                    "clp_query_grp",
                    "CLP",
                    List.of(clp(QUERY_GROUP, GROUP_RESPONSE, new Placed(19, 1, Value.of("group")))),
                    Value.constant(0),
                    response("rsp", 2, 2, DONE),
                    Result.stored("fr", REQUEST + 19, 1, 1, Value.bits("fr", 0, 1)),
                    Result.stored("maxstbl", REQUEST + 20, 2, 0x1fff, Value.of("maxstbl")),
                    response("dtsm", 24, 1, Value.of("dtsm")),
                    response("dasm", 32, 8, Value.of("dasm")),
                    response("msia", 40, 8, Value.of("msia"))),
            new CallRule(
                    "mpcifc",
                    null,
                    null,
                    "event",
                    null,
                    "MPCIFC",
                    0,
                    List.of(Argument.named("r1", Value.bytes("r1")), Argument.bytes("fib", "fib")),
                    null,
                    Value.of("cc"),
                    List.of(),
                    Map.of(),
                    null),
            rule(
                    REFRESH,
                    "RPCIT",
                    List.of(
                            Argument.named("r1", Value.bytes("r1")),
                            Argument.named("start", Value.of("start")),
                            Argument.named("length", Value.of("length"))),
                    Value.of("cc")));

    /** What brings a function of a frozen machine up: it is disabled at reset, and has the same index then. */
    private static final List<CallRule> BRING_UP = List.of(
            rule(
                            "frozen function",
                            "CLP",
                            List.of(clp(
                                    SET_FUNCTION,
                                    SET_RESPONSE,
                                    new Placed(16, 2, Value.constant(0x0002)),
                                    new Placed(18, 2, Value.low("handle", Short.SIZE)),
                                    new Placed(23, 1, Value.constant(1)))),
                            Value.constant(0),
                            response("rsp", 2, 2, DONE),
                            response("new_handle", 16, 4, Value.of("handle")))
                    .unlessZero(Value.bits("handle", 31, 1)),
            rule(
                            "frozen registration",
                            "MPCIFC",
                            List.of(
                                    Argument.block(
                                            "fib",
                                            new Placed(16, 8, Value.of("pba")),
                                            new Placed(24, 8, Value.of("pal")),
                                            new Placed(32, 8, Value.of("iota")),
                                            new Placed(FIB_BYTES - 1, 1, Value.constant(0))),
                                    Argument.named("handle", Value.of("handle")),
                                    Argument.named("oc", Value.constant(REGISTER_IOAT))),
                            Value.constant(0))
                    .unlessZero(Value.of("iota")),
            rule(
                            "frozen refresh",
                            "RPCIT",
                            List.of(
                                    Argument.named("handle", Value.of("handle")),
                                    Argument.named("start", Value.of("pba")),
                                    Argument.named("length", Value.length("pba", "pal"))),
                            Value.constant(0))
                    .unlessZero(Value.of("iota")));

    static final CaptureModel MODEL = new CaptureModel(
            "s390",
            IommuModel.S390,
            Map.of(),
            List.of(),
            null,
            List.of(
                    new GenerationRule(4, "region-first tables", "clp_query_grp.dtsm", 0x10, 0x10),
                    new GenerationRule(4, "region-second tables", "clp_query_grp.dtsm", 0x20, 0x20),
                    new GenerationRule(4, "segment tables", "clp_query_grp.dtsm", 0x80, 0x80),
                    new GenerationRule(2, "refresh of every change", "clp_query_grp.fr", 1, 1),
                    new GenerationRule(1, "three-level tables", null, 0, 0)),
            Set.of("rte", "ste", "pte"),
            List.of(),
            List.of(),
            List.of(),
            new CallRecords(
                    RULES,
                    List.of(),
                    List.of(
                            Capability.of("clp_query_pci.pfgid", "function", "pfgid"),
                            Capability.of("clp_query_pci.sdma", "function", "sdma"),
                            Capability.of("clp_query_pci.edma", "function", "edma"),
                            Capability.countOf("clp_query_pci." + INDEX, "function", "functions"),
                            Capability.of("clp_query_grp.fr", "group", "fr"),
                            Capability.of("clp_query_grp.maxstbl", "group", "maxstbl"),
                            Capability.of("clp_query_grp.dtsm", "group", "dtsm"),
                            Capability.of("clp_query_grp.dasm", "group", "dasm"),
                            Capability.of("clp_query_grp.msia", "group", "msia")),
                    Set.of(),
                    // QEMU's handles do not count the lives of a function, which shows when one is disabled.
                    List.of(new CallRecords.Choice("clp_set_pci." + DISABLED, "function", "lives", "0")),
                    Set.of(REFRESH),
                    new CallRecords.FrozenCalls(true, false, "functions", BRING_UP)));

    private ZpciRecords() {}

    private static CallRule rule(String record, String call, List<Argument> arguments, Value code, Result... results) {
        return new CallRule(
                record, null, record, null, null, call, 0, arguments, null, code, List.of(results), Map.of(), null);
    }

    /** A request, and the length of the response that the guest has room for. */
    private static Argument clp(int command, int responseBytes, Placed... numbers) {
        List<Placed> all = new ArrayList<>(List.of(
                new Placed(0, 2, Value.constant(REQUEST)),
                new Placed(2, 2, Value.constant(command)),
                new Placed(REQUEST, 2, Value.constant(responseBytes))));
        all.addAll(Arrays.asList(numbers));
        return Argument.block("block", all.toArray(new Placed[0]));
    }

    private static Result response(String name, int offset, int sizeBytes, Value expected) {
        return Result.stored(name, REQUEST + offset, sizeBytes, -1L, expected);
    }
}
