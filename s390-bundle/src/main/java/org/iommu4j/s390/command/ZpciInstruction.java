package org.iommu4j.s390.command;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.CallFormat.Kind;
import org.iommu4j.backend.CallFormat.Operand;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Code;

/**
 * The instructions that the chip executes, as calls: which word holds which operand. Results below zero are negated program
 * interruption codes, others condition codes.
 */
public final class ZpciInstruction {
    // Instructions, by their operation codes.
    public static final int RPCIT = 0xB9D3;
    public static final int MPCIFC = 0xE3D0;
    public static final int STPCIFC = 0xE3D4;
    public static final int CLP = 0xB9A0;
    public static final int SIC = 0xEBD1;
    public static final int PCILG = 0xB9D2;
    public static final int PCISTG = 0xB9D0;
    public static final int PCISTB = 0xEBD0;

    // Instructions of memory I/O, which is not installed.
    public static final int PCILGI = 0xB9D6;
    public static final int PCISTGI = 0xB9D4;
    public static final int PCISTBI = 0xEBD4;
    public static final int PCIWB = 0xB9D5;

    // Words of the operands; each instruction of the table says which it has.
    public static final int R1 = 0;
    public static final int DATA = 0;
    public static final int REQUEST = 1;
    public static final int STORED = 1;
    public static final int OFFSET = 2;
    public static final int START = 1;
    public static final int LENGTH = 2;
    public static final int R2_NUMBER = 3;
    public static final int FIB = 1;
    public static final int BLOCK = 0;
    public static final int MODE = 0;
    public static final int R3 = 1;
    public static final int PROBLEM_STATE = 15;

    // Condition codes.
    public static final int DONE = 0;
    public static final int ERROR = 1;
    public static final int BUSY = 2;
    public static final int INVALID_HANDLE = 3;

    private static final Operand PROBLEM = Operand.field(
                    "problem_state", PROBLEM_STATE, 0, 1, "1: executed in the problem state")
            .alias("problem")
            .orNothing();

    private static final List<Code> CODES = codes();
    private static final String LOAD_STORE = "zPCI, docs/spec/s390-zpci.md 2.1, 2.7";

    /** Most bytes of one PCISTB: a page. */
    private static final int STORED_BYTES = 4096;

    /** All of them. */
    public static final List<CallFormat> ALL = List.of(
            instruction(
                    "RPCIT",
                    RPCIT,
                    List.of(
                            request(),
                            handle(R1),
                            Operand.word("start", START, "first address, in register R2")
                                    .alias("r2", "address", "iova"),
                            Operand.word("length", LENGTH, "bytes, in register R2 + 1")
                                    .alias("r2+1", "r3", "size", "len"),
                            evenRegister(),
                            PROBLEM),
                    List.of(Operand.word("r1", R1, "request register"), status(R1)),
                    "zPCI, docs/spec/s390-zpci.md 2.3"),
            instruction(
                    "MPCIFC",
                    MPCIFC,
                    List.of(
                            request(),
                            handle(R1),
                            space(),
                            field("oc", R1, RequestRegister.OPERATION, "operation")
                                    .alias("op", "operation")
                                    .orNothing(),
                            Operand.memory("fib", FIB, Fib.BYTES, "function information block")
                                    .alias("address")
                                    .orNothing(),
                            PROBLEM),
                    List.of(Operand.word("r1", R1, "request register"), status(R1)),
                    "zPCI, docs/spec/s390-zpci.md 2.4"),
            instruction(
                    "STPCIFC",
                    STPCIFC,
                    List.of(
                            request(),
                            handle(R1),
                            space(),
                            Operand.memory("fib", FIB, Fib.BYTES, "where the block is stored")
                                    .alias("address")
                                    .orNothing(),
                            PROBLEM),
                    List.of(
                            Operand.word("r1", R1, "request register"),
                            status(R1),
                            Operand.memory("fib", FIB, Fib.BYTES, "function information block")),
                    "zPCI, docs/spec/s390-zpci.md 2.5"),
            instruction(
                    "CLP",
                    CLP,
                    List.of(
                            Operand.memory(
                                            "block",
                                            BLOCK,
                                            Clp.BLOCK_BYTES,
                                            "request, then the response with its length")
                                    .alias("request", "r2", "hex", "address"),
                            PROBLEM),
                    List.of(Operand.answer("response", BLOCK, Clp.BLOCK_BYTES - Clp.REQUEST_BYTES, "the response")),
                    "zPCI, docs/spec/s390-zpci.md 2.8"),
            instruction(
                    "SIC",
                    SIC,
                    List.of(
                            Operand.field("mode", MODE, 0, 16, "0 all, 1 single")
                                    .alias("r1"),
                            Operand.word("r3", R3, "interruption subclass in bits 34:36")
                                    .orNothing(),
                            PROBLEM),
                    List.of(),
                    "zPCI, docs/spec/s390-zpci.md 2.9"),
            instruction(
                    "PCILG",
                    PCILG,
                    List.of(
                            Operand.word("r2", REQUEST, "request register").orNothing(),
                            handle(REQUEST),
                            place(REQUEST),
                            length(REQUEST, 4),
                            offset("r2+1"),
                            evenRegister(),
                            PROBLEM),
                    List.of(
                            Operand.word("r1", DATA, "what was loaded").alias("data"),
                            Operand.word("r2", REQUEST, "request register"),
                            status(REQUEST)),
                    LOAD_STORE),
            instruction(
                    "PCISTG",
                    PCISTG,
                    List.of(
                            Operand.word("r1", DATA, "what is stored")
                                    .alias("data")
                                    .orNothing(),
                            Operand.word("r2", REQUEST, "request register").orNothing(),
                            handle(REQUEST),
                            place(REQUEST),
                            length(REQUEST, 4),
                            offset("r2+1"),
                            evenRegister(),
                            PROBLEM),
                    List.of(Operand.word("r2", REQUEST, "request register"), status(REQUEST)),
                    LOAD_STORE),
            instruction(
                    "PCISTB",
                    PCISTB,
                    List.of(
                            request(),
                            handle(R1),
                            place(R1),
                            length(R1, 13),
                            offset("r3"),
                            Operand.memory("block", STORED, STORED_BYTES, "what is stored")
                                    .alias("data")
                                    .orNothing(),
                            PROBLEM),
                    List.of(Operand.word("r1", R1, "request register"), status(R1)),
                    LOAD_STORE),
            memoryIo("PCILGI", PCILGI),
            memoryIo("PCISTGI", PCISTGI),
            memoryIo("PCISTBI", PCISTBI),
            memoryIo("PCIWB", PCIWB));

    private ZpciInstruction() {}

    private static CallFormat instruction(
            String name, int opcode, List<Operand> operands, List<Operand> results, String spec) {
        return new CallFormat(Kind.INSTRUCTION, name, opcode, operands, results, CODES, spec);
    }

    private static Operand request() {
        return Operand.word("r1", R1, "request register").alias("request").orNothing();
    }

    private static Operand evenRegister() {
        return Operand.field("r2_number", R2_NUMBER, 0, 4, "number of register R2, even")
                .alias("r2_register")
                .orNothing();
    }

    private static Operand handle(int word) {
        return field("handle", word, RequestRegister.HANDLE, "function handle")
                .alias("fh")
                .orNothing();
    }

    private static Operand space() {
        return field("dmaas", R1, RequestRegister.DMAAS, "DMA address space")
                .alias("space")
                .orNothing();
    }

    private static Operand place(int word) {
        return field("space", word, RequestRegister.DMAAS, "BAR 0 to 5, or 15: configuration space")
                .alias("pcias", "bar")
                .orNothing();
    }

    private static Operand length(int word, int width) {
        return Operand.field("length", word, 0, width, "bytes")
                .alias("len", "size")
                .orNothing();
    }

    private static Operand offset(String register) {
        return Operand.word("offset", OFFSET, "offset in the space, in register " + register.toUpperCase(Locale.ROOT))
                .alias(register);
    }

    private static Operand status(int word) {
        return field("status", word, RequestRegister.STATUS, "why the condition code is 1");
    }

    private static Operand field(String name, int word, BitField field, String about) {
        return Operand.field(name, word, field.shift(), field.width(), about);
    }

    /** An instruction of a facility that is not installed: whatever its operands are, it is an operation exception. */
    private static CallFormat memoryIo(String name, int opcode) {
        return instruction(
                name,
                opcode,
                List.of(
                        Operand.word("r1", 0, "first register").orNothing(),
                        Operand.word("r2", 1, "second register").orNothing(),
                        Operand.word("r3", 2, "third register").orNothing(),
                        PROBLEM),
                List.of(),
                LOAD_STORE);
    }

    private static List<Code> codes() {
        List<Code> codes = new ArrayList<>(List.of(
                Code.code(DONE, "done"),
                Code.code(ERROR, "error"),
                Code.code(BUSY, "busy"),
                Code.code(INVALID_HANDLE, "invalid handle")));
        codes.addAll(ProgramInterruption.CODES);
        return List.copyOf(codes);
    }
}
