package org.iommu4j.spapr.command;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.CallFormat.Kind;
import org.iommu4j.backend.CallFormat.Operand;

/**
 * Hypercalls and RTAS calls of the platform. A hypercall's argument n is register R(4+n); its code comes back in R3, its
 * outputs from R4 on. RTAS tokens are those of QEMU's machine; real ones come from the device tree.
 */
public final class SpaprCall {
    public static final int H_GET_TCE = 0x1c;
    public static final int H_PUT_TCE = 0x20;
    public static final int H_STUFF_TCE = 0x138;
    public static final int H_PUT_TCE_INDIRECT = 0x13c;

    /**
     * The host's own: adds a window, or puts it or its table somewhere else, or removes it. A window with a table of the
     * hypervisor's own, as the default one, gives way to one in its slot or of its LIOBN. Its endpoint has nothing cached when
     * the call returns, and is normal if a window was added. A call that is refused has changed nothing.
     */
    public static final int H_SET_TCE_TABLE = 0xf100;

    /** The host's own: where a window's table is. */
    public static final int H_QUERY_TCE_TABLE = 0xf101;

    /** The host's own: which partitionable endpoint a requester id belongs to. */
    public static final int H_SET_REQUESTER_PE = 0xf102;
    // RTAS tokens.
    public static final int SET_EEH_OPTION = 0x2020;
    public static final int GET_CONFIG_ADDR_INFO2 = 0x2021;
    public static final int READ_SLOT_RESET_STATE2 = 0x2022;
    public static final int SET_SLOT_RESET = 0x2023;
    public static final int CONFIGURE_PE = 0x2024;
    public static final int SLOT_ERROR_DETAIL = 0x2025;
    public static final int QUERY_PE_DMA_WINDOW = 0x2026;
    public static final int CREATE_PE_DMA_WINDOW = 0x2027;
    public static final int REMOVE_PE_DMA_WINDOW = 0x2028;
    public static final int RESET_PE_DMA_WINDOW = 0x2029;

    /** OPAL_PCI_TCE_KILL: firmware of a host without a hypervisor. No hypercall has an odd number. */
    public static final int OPAL_PCI_TCE_KILL = 126;

    /** Argument of H_SET_TCE_TABLE: the host makes an empty table of its own. */
    public static final long HOST_TABLE = -1;

    /** Argument of H_QUERY_TCE_TABLE: the endpoint that requesters are in from reset on. */
    public static final long DEFAULT_PE = -1;

    /** Argument of H_SET_REQUESTER_PE: every requester. */
    public static final long ALL_REQUESTERS = -1;

    /** Argument of H_SET_REQUESTER_PE: no endpoint. */
    public static final long NO_PE = -1;

    /**
     * The host's own: in word {@link #AGAIN_WORD} of H_PUT_TCE and H_PUT_TCE_INDIRECT, what is stored is what H_GET_TCE gave.
     * The hypervisor checks it and drops what is cached, as for every store, and writes nothing: a store of what is there
     * would be none, and would undo what somebody else has stored since. A guest has no such word.
     */
    public static final long AGAIN = 1;

    /** The word of {@link #AGAIN}: R8, in which neither call has an argument. */
    public static final int AGAIN_WORD = 4;

    /** Most entries of one H_PUT_TCE_INDIRECT or H_STUFF_TCE. */
    public static final int MAX_BATCH = 512;

    /** RTAS tokens are 2000 to 2fff; hypercalls of PAPR end below, those of platforms begin at f000. */
    private static final int TOKENS = 2;

    private static final int TOKEN_SHIFT = 12;

    private static final String TCE_CALLS = "PAPR, TCE hypercalls; docs/spec/spapr-tce.md 2.1";
    private static final String HOST_CALLS = "platform-private hypercall; docs/layouts/spapr.md";
    private static final String RTAS_CALLS = "PAPR, RTAS calls; docs/spec/spapr-tce.md 2.2 and 2.4";

    private static final Operand LIOBN = Operand.word("LIOBN", 0, "logical I/O bus number, zero-extended to 64 bits");
    private static final Operand IOBA =
            Operand.word("IOBA", 1, "absolute I/O bus address").alias("io_address");
    private static final Operand CONFIG_ADDR = cell("config_addr", 2, "bus << 16 | device and function << 8");
    private static final Operand BUID_HI = cell("BUID_hi", 3, "unit id of the host bridge, high word");
    private static final Operand BUID_LO = cell("BUID_lo", 4, "unit id of the host bridge, low word");

    /** Every call of this release. */
    public static final List<CallFormat> ALL = List.of(
            hypercall(
                    "H_GET_TCE",
                    H_GET_TCE,
                    List.of(LIOBN, IOBA),
                    List.of(Operand.word("TCE", 0, "the entry")),
                    TCE_CALLS),
            hypercall(
                    "H_PUT_TCE",
                    H_PUT_TCE,
                    List.of(LIOBN, IOBA, Operand.word("TCE", 2, "the new entry")),
                    List.of(),
                    TCE_CALLS),
            hypercall(
                    "H_STUFF_TCE",
                    H_STUFF_TCE,
                    List.of(
                            LIOBN,
                            IOBA,
                            Operand.word("TCE", 2, "the value of all entries").alias("TCE value"),
                            Operand.word("count", 3, "entries, at most 512")),
                    List.of(),
                    TCE_CALLS),
            hypercall(
                    "H_PUT_TCE_INDIRECT",
                    H_PUT_TCE_INDIRECT,
                    List.of(
                            LIOBN,
                            IOBA,
                            Operand.memory("list", 2, MAX_BATCH * Long.BYTES, "logical address of the page of entries")
                                    .alias("TCE list"),
                            Operand.word("count", 3, "entries, at most 512")),
                    List.of(),
                    TCE_CALLS),
            hypercall(
                    "H_SET_TCE_TABLE",
                    H_SET_TCE_TABLE,
                    List.of(
                            LIOBN,
                            Operand.word("PE", 1, "partitionable endpoint that the window belongs to"),
                            Operand.word("base", 2, "first bus address"),
                            Operand.word("page_shift", 3, "log2 of the page size in bytes"),
                            Operand.word("window_shift", 4, "log2 of the window size in bytes; 0 removes the window"),
                            Operand.word("levels", 5, "levels of the table"),
                            Operand.word(
                                    "level_shift",
                                    6,
                                    "log2 of the bytes of one level; 0: by the rule of docs/spec/spapr-tce.md 3.4"),
                            Operand.word("table", 7, "address of the table; -1: an empty table of the host")),
                    List.of(),
                    HOST_CALLS),
            hypercall(
                    "H_QUERY_TCE_TABLE",
                    H_QUERY_TCE_TABLE,
                    List.of(
                            Operand.word(
                                    "PE",
                                    0,
                                    "partitionable endpoint; -1: the one that requesters are in from reset on"),
                            Operand.word(
                                    "slot", 1, "0 or 1: bit 59 of its addresses, counted from the least significant")),
                    List.of(
                            Operand.word("LIOBN", 0, "of the window"),
                            Operand.word("base", 1, "first bus address"),
                            Operand.word("page_shift", 2, "log2 of the page size in bytes"),
                            Operand.word("window_shift", 3, "log2 of the window size in bytes"),
                            Operand.word("levels", 4, "levels of the table"),
                            Operand.word("table", 5, "address of the table"),
                            Operand.word("PE", 6, "whose window it is"),
                            Operand.word("level_shift", 7, "log2 of the bytes of one level")),
                    HOST_CALLS),
            hypercall(
                    "H_SET_REQUESTER_PE",
                    H_SET_REQUESTER_PE,
                    List.of(
                            Operand.word("requester", 0, "requester id; -1: every one"),
                            Operand.word("PE", 1, "partitionable endpoint; -1: none, its accesses are aborted")),
                    List.of(),
                    HOST_CALLS),
            rtas(
                    "ibm,set-eeh-option",
                    SET_EEH_OPTION,
                    bridge(cell(
                            "function",
                            5,
                            "0 disable, 1 enable, 2 release MMIO, 3 release DMA, 4 event interrupt, 5 none")),
                    List.of()),
            rtas(
                    "ibm,get-config-addr-info2",
                    GET_CONFIG_ADDR_INFO2,
                    bridge(cell("function", 5, "0 address of the PE, 1 its mode")),
                    List.of(cell("info", 0, "the address, or 2: shared"))),
            rtas(
                    "ibm,read-slot-reset-state2",
                    READ_SLOT_RESET_STATE2,
                    bridge(),
                    List.of(
                            cell("state", 0, "0 normal, 1 reset, 2 stopped, 4 DMA stopped, 5 unavailable"),
                            cell("capable", 1, "1: EEH is there"),
                            cell("unavailable", 2, "milliseconds until it may be available"),
                            cell("recovery", 3, "recovery information, with five cells")
                                    .orNothing())),
            rtas(
                    "ibm,set-slot-reset",
                    SET_SLOT_RESET,
                    bridge(cell("function", 5, "0 deactivate, 1 hot, 3 fundamental")),
                    List.of()),
            rtas("ibm,configure-pe", CONFIGURE_PE, bridge(), List.of()),
            rtas(
                    "ibm,slot-error-detail",
                    SLOT_ERROR_DETAIL,
                    bridge(
                            cell("driver_buffer", 5, "address of the driver's buffer"),
                            cell("driver_length", 6, "its length in bytes"),
                            cell("buffer", 7, "address of the log's buffer"),
                            cell("length", 8, "its length in bytes"),
                            cell("function", 9, "1 temporary error, 2 permanent")),
                    List.of()),
            rtas(
                    "ibm,query-pe-dma-window",
                    QUERY_PE_DMA_WINDOW,
                    bridge(),
                    List.of(
                            cell("windows", 0, "windows available"),
                            cell("block", 1, "largest window in TCEs; its high word with six cells"),
                            cell("page_sizes", 2, "mask of page sizes; the low word with six cells"),
                            cell("migration", 3, "migration mask; page sizes with six cells"),
                            cell("migration6", 4, "migration mask, with six cells")
                                    .orNothing())),
            rtas(
                    "ibm,create-pe-dma-window",
                    CREATE_PE_DMA_WINDOW,
                    bridge(
                            cell("page_shift", 5, "log2 of the page size in bytes"),
                            cell("window_shift", 6, "log2 of the window size in bytes")),
                    List.of(
                            cell("LIOBN", 0, "of the new window"),
                            cell("addr_hi", 1, "first bus address, high word"),
                            cell("addr_lo", 2, "first bus address, low word"))),
            rtas(
                    "ibm,remove-pe-dma-window",
                    REMOVE_PE_DMA_WINDOW,
                    List.of(cell("LIOBN", 2, "of the window")),
                    List.of()),
            resetWindows("ibm,reset-pe-dma-window"),
            // PAPR's name of the same call; QEMU's token has the other one.
            resetWindows("ibm,reset-pe-dma-windows"),
            new CallFormat(
                    Kind.HYPERCALL,
                    "OPAL_PCI_TCE_KILL",
                    OPAL_PCI_TCE_KILL,
                    List.of(
                            Operand.word("phb", 0, "id of the host bridge"),
                            Operand.word("type", 1, "0 pages, 1 PE, 2 all"),
                            Operand.word("pe", 2, "partitionable endpoint"),
                            Operand.word("tce_size", 3, "page size in bytes"),
                            Operand.word("dma_addr", 4, "first address"),
                            Operand.word("npages", 5, "pages, at most 512")),
                    List.of(),
                    OpalCode.ALL,
                    "OPAL firmware; docs/spec/spapr-tce.md 2.3"));

    private SpaprCall() {}

    /** The call of that number, or null. */
    public static CallFormat of(int function) {
        for (CallFormat call : ALL) {
            if (call.function() == function) {
                return call;
            }
        }
        return null;
    }

    /** True if the number is in the range of RTAS tokens, whether there is such a call or not. */
    public static boolean isToken(int function) {
        return function >>> TOKEN_SHIFT == TOKENS;
    }

    /** True if the number is an RTAS token, not a hypercall. */
    public static boolean isRtas(int function) {
        CallFormat call = of(function);
        return call != null && call.kind() == Kind.RTAS;
    }

    private static CallFormat hypercall(
            String name, int function, List<Operand> operands, List<Operand> results, String spec) {
        return new CallFormat(Kind.HYPERCALL, name, function, operands, results, HypercallCode.ALL, spec);
    }

    private static CallFormat resetWindows(String name) {
        return rtas(
                name,
                RESET_PE_DMA_WINDOW,
                bridge(cell("limited", 5, "1: limited addressing, with four arguments")
                        .orNothing()),
                List.of());
    }

    /** Argument or result of an RTAS call: a cell of 32 bits. */
    private static Operand cell(String name, int word, String about) {
        return Operand.field(name, word, 0, 32, about);
    }

    /** Arguments of a call about a device or its windows: which device of which host bridge, then the call's own. */
    private static List<Operand> bridge(Operand... own) {
        List<Operand> operands = new ArrayList<>(List.of(CONFIG_ADDR, BUID_HI, BUID_LO));
        operands.addAll(List.of(own));
        return List.copyOf(operands);
    }

    private static CallFormat rtas(String name, int token, List<Operand> operands, List<Operand> results) {
        return new CallFormat(Kind.RTAS, name, token, operands, results, RtasStatus.ALL, RTAS_CALLS);
    }
}
