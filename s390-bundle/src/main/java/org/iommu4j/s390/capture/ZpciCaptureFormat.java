package org.iommu4j.s390.capture;

import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.iommu4j.backend.capture.CallRecords;
import org.iommu4j.backend.capture.CallRecords.Capability;
import org.iommu4j.backend.capture.CallRule;
import org.iommu4j.backend.capture.CallRule.Argument;
import org.iommu4j.backend.capture.CallRule.Part;
import org.iommu4j.backend.capture.CallRule.Placed;
import org.iommu4j.backend.capture.CallRule.Result;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.backend.capture.CaptureFormat.GenerationRule;
import org.iommu4j.backend.capture.CapturedNumber;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;
import org.iommu4j.s390.command.Clp;
import org.iommu4j.s390.command.Fib;
import org.iommu4j.s390.command.FunctionControl;
import org.iommu4j.s390.command.FunctionHandle;
import org.iommu4j.s390.command.ZpciGeneration;

/**
 * Captures of IBM Z guests: the instructions for PCI functions. A refresh's table reads follow it; the guest had written
 * these words before.
 *
 * <p>{@code shadow} records say what a refresh changed in the captured machine's shadow table. A chip is free in what it
 * keeps, so they are passed over: the translations that follow show the same.
 */
public final class ZpciCaptureFormat {
    private static final String REFRESH = "rpcit";
    private static final String QUERY_FUNCTION = "clp_query_pci";
    private static final String QUERY_GROUP = "clp_query_grp";
    private static final String SET_FUNCTION = "clp_set_pci";

    /** Fact of a query: which function a handle names. */
    private static final String INDEX = "index";

    /** Fact of a change of state: the function was disabled. */
    private static final String DISABLED = "oc";

    private static final CapturedNumber DONE = CapturedNumber.constant(Clp.OK);
    private static final CapturedNumber HANDLE = CapturedNumber.of("handle");

    /** The handle of a function that is disabled as after reset. */
    private static final CapturedNumber DISABLED_HANDLE =
            CapturedNumber.field("handle", FunctionHandle.INDEX).with(FunctionHandle.of(0, 0, false));

    /** The condition code of an instruction that was carried out. */
    private static final CapturedNumber CARRIED_OUT = CapturedNumber.constant(0);

    private static final List<CallRule> RULES = List.of(
            CallRule.of(
                            SET_FUNCTION,
                            "CLP",
                            CARRIED_OUT,
                            List.of(clp(
                                    Clp.SET_FUNCTION,
                                    Clp.SetResponse.LAYOUT,
                                    placed(Clp.Request.FH, HANDLE),
                                    placed(Clp.Request.OC, CapturedNumber.of("oc")),
                                    placed(Clp.Request.NDAS, CapturedNumber.of("ndas")))),
                            response("rsp", Clp.SetResponse.LAYOUT, Clp.SetResponse.CODE, CapturedNumber.of("rsp")),
                            response(
                                    "new_handle",
                                    Clp.SetResponse.LAYOUT,
                                    Clp.SetResponse.FH,
                                    CapturedNumber.of("new_handle")))
                    .telling(DISABLED, CapturedNumber.of("oc")),
            CallRule.of(
                            QUERY_FUNCTION,
                            "CLP",
                            CARRIED_OUT,
                            List.of(clp(
                                    Clp.QUERY_FUNCTION, Clp.FunctionResponse.LAYOUT, placed(Clp.Request.FH, HANDLE))),
                            response("rsp", Clp.FunctionResponse.LAYOUT, Clp.FunctionResponse.CODE, DONE),
                            ofFunction("pfgid", Clp.FunctionResponse.PFGID),
                            ofFunction("sdma", Clp.FunctionResponse.SDMA),
                            ofFunction("edma", Clp.FunctionResponse.EDMA))
                    .telling(INDEX, CapturedNumber.field("handle", FunctionHandle.INDEX)),
            CallRule.of(
                    QUERY_GROUP,
                    "CLP",
                    CARRIED_OUT,
                    List.of(Argument.block(
                            "block",
                            Part.of(
                                    Clp.GroupRequest.LAYOUT,
                                    placed(Clp.GroupRequest.LENGTH, CapturedNumber.constant(Clp.REQUEST_BYTES)),
                                    placed(Clp.GroupRequest.COMMAND, CapturedNumber.constant(Clp.QUERY_GROUP)),
                                    placed(Clp.GroupRequest.PFGID, CapturedNumber.of("group"))),
                            room(Clp.GroupResponse.LAYOUT))),
                    response("rsp", Clp.GroupResponse.LAYOUT, Clp.GroupResponse.CODE, DONE),
                    ofGroup("fr", Clp.GroupResponse.REFRESH),
                    ofGroup("maxstbl", Clp.GroupResponse.MAXSTBL),
                    ofGroup("dtsm", Clp.GroupResponse.DTSM),
                    ofGroup("dasm", Clp.GroupResponse.DASM),
                    ofGroup("msia", Clp.GroupResponse.MSIA)),
            CallRule.named(
                    "mpcifc",
                    "event",
                    "MPCIFC",
                    CapturedNumber.of("cc"),
                    List.of(Argument.named("r1", CapturedNumber.bytes("r1")), Argument.bytes("fib", "fib"))),
            CallRule.of(
                    REFRESH,
                    "RPCIT",
                    CapturedNumber.of("cc"),
                    List.of(
                            Argument.named("r1", CapturedNumber.bytes("r1")),
                            Argument.named("start", CapturedNumber.of("start")),
                            Argument.named("length", CapturedNumber.of("length")))));

    /** Calls that bring a function of a frozen machine up: it is disabled at reset, and has the same index then. */
    private static final List<CallRule> BRING_UP = List.of(
            CallRule.of(
                            "frozen function",
                            "CLP",
                            CARRIED_OUT,
                            List.of(clp(
                                    Clp.SET_FUNCTION,
                                    Clp.SetResponse.LAYOUT,
                                    placed(Clp.Request.FH, DISABLED_HANDLE),
                                    placed(Clp.Request.NDAS, CapturedNumber.constant(1)))),
                            response("rsp", Clp.SetResponse.LAYOUT, Clp.SetResponse.CODE, DONE),
                            response("new_handle", Clp.SetResponse.LAYOUT, Clp.SetResponse.FH, HANDLE))
                    .unlessZero(CapturedNumber.field("handle", FunctionHandle.ENABLED)),
            CallRule.of(
                            "frozen registration",
                            "MPCIFC",
                            CARRIED_OUT,
                            List.of(
                                    Argument.block(
                                            "fib",
                                            Part.of(
                                                    Fib.LAYOUT,
                                                    placed(Fib.PBA, CapturedNumber.of("pba")),
                                                    placed(Fib.PAL, CapturedNumber.of("pal")),
                                                    placed(Fib.IOTA, CapturedNumber.of("iota")))),
                                    Argument.named("handle", HANDLE),
                                    Argument.named("oc", CapturedNumber.constant(FunctionControl.REGISTER_IOAT))))
                    .unlessZero(CapturedNumber.of("iota")),
            CallRule.of(
                            "frozen refresh",
                            "RPCIT",
                            CARRIED_OUT,
                            List.of(
                                    Argument.named("handle", HANDLE),
                                    Argument.named("start", CapturedNumber.of("pba")),
                                    Argument.named("length", CapturedNumber.length("pba", "pal"))))
                    .unlessZero(CapturedNumber.of("iota")));

    /** The format. */
    public static final CaptureFormat FORMAT = CaptureFormat.of("s390", IommuModel.S390)
            .defaultCapture("s390/strict-nvme-virtionet")
            .generations(
                    tables("region-first tables", 0x10),
                    tables("region-second tables", 0x20),
                    tables("segment tables", 0x80),
                    GenerationRule.ofFact(
                            ZpciGeneration.REFRESH, "refresh of every change", fact(QUERY_GROUP, "fr"), 1),
                    GenerationRule.otherwise(ZpciGeneration.BASE, "three-level tables"))
            .structures("rte", "ste", "pte")
            .calls(new CallRecords(
                    RULES,
                    List.of(),
                    List.of(
                            Capability.of(fact(QUERY_FUNCTION, "pfgid"), "function", "pfgid"),
                            Capability.of(fact(QUERY_FUNCTION, "sdma"), "function", "sdma"),
                            Capability.of(fact(QUERY_FUNCTION, "edma"), "function", "edma"),
                            Capability.countOf(fact(QUERY_FUNCTION, INDEX), "function", "functions"),
                            Capability.of(fact(QUERY_GROUP, "fr"), "group", "fr"),
                            Capability.of(fact(QUERY_GROUP, "maxstbl"), "group", "maxstbl"),
                            Capability.of(fact(QUERY_GROUP, "dtsm"), "group", "dtsm"),
                            Capability.of(fact(QUERY_GROUP, "dasm"), "group", "dasm"),
                            Capability.of(fact(QUERY_GROUP, "msia"), "group", "msia")),
                    // QEMU's handles do not count the lives of a function, which shows when one is disabled.
                    List.of(new CallRecords.Choice(fact(SET_FUNCTION, DISABLED), "function", "lives", "0")),
                    Set.of(REFRESH),
                    new CallRecords.FrozenCalls(true, false, "functions", BRING_UP)))
            .build();

    private ZpciCaptureFormat() {}

    private static String fact(String record, String name) {
        return record + "." + name;
    }

    private static GenerationRule tables(String about, int dtsm) {
        return GenerationRule.ofFact(ZpciGeneration.TABLES, about, fact(QUERY_GROUP, "dtsm"), dtsm);
    }

    private static Placed placed(BitField field, CapturedNumber value) {
        return new Placed(field, value);
    }

    /** A request, and the length of the response that the guest has room for. */
    private static Argument clp(int command, Layout response, Placed... numbers) {
        Stream<Placed> header = Stream.of(
                placed(Clp.Request.LENGTH, CapturedNumber.constant(Clp.REQUEST_BYTES)),
                placed(Clp.Request.COMMAND, CapturedNumber.constant(command)));
        return Argument.block(
                "block",
                new Part(
                        Clp.Request.LAYOUT,
                        Stream.concat(header, Stream.of(numbers)).toList()),
                room(response));
    }

    private static Part room(Layout response) {
        return Part.of(Clp.Header.LAYOUT, placed(Clp.Header.LENGTH, CapturedNumber.constant(response.sizeBytes())));
    }

    private static Result response(String name, Layout layout, BitField field, CapturedNumber expected) {
        return Result.stored(name, Clp.REQUEST_BYTES, layout, field, expected);
    }

    private static Result ofFunction(String name, BitField field) {
        return response(
                name,
                Clp.FunctionResponse.LAYOUT,
                field,
                CapturedNumber.of(name).bits(0, field.width()));
    }

    private static Result ofGroup(String name, BitField field) {
        return response(
                name, Clp.GroupResponse.LAYOUT, field, CapturedNumber.of(name).bits(0, field.width()));
    }
}
