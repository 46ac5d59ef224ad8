package org.iommu4j.s390.command;

import java.util.ArrayList;
import java.util.List;
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
    /** Refresh PCI translations. */
    public static final int RPCIT = 0xB9D3;

    /** Modify PCI function controls. */
    public static final int MPCIFC = 0xE3D0;

    /** Store PCI function controls. */
    public static final int STPCIFC = 0xE3D4;

    /** Call logical processor, for PCI. */
    public static final int CLP = 0xB9A0;

    /** Set interruption controls. */
    public static final int SIC = 0xEBD1;

    /** Word of the request register. */
    public static final int R1 = 0;

    /** Word of RPCIT's start. */
    public static final int START = 1;

    /** Word of RPCIT's length in bytes. */
    public static final int LENGTH = 2;

    /** Word of RPCIT's register number R2, which must be even. */
    public static final int R2_NUMBER = 3;

    /** Word of the address of a FIB. */
    public static final int FIB = 1;

    /** Word of the address of a CLP block. */
    public static final int BLOCK = 0;

    /** Word of SIC's mode. */
    public static final int MODE = 0;

    /** Word of SIC's register R3, which holds the interruption subclass. */
    public static final int R3 = 1;

    /** Word that is not zero in the problem state. */
    public static final int PROBLEM_STATE = 15;

    /** Condition code: done. */
    public static final int DONE = 0;

    /** Condition code: error, see the status. */
    public static final int ERROR = 1;

    /** Condition code: busy, try again. */
    public static final int BUSY = 2;

    /** Condition code: no such handle. */
    public static final int INVALID_HANDLE = 3;

    private static final Operand PROBLEM = Operand.field(
                    "problem_state", PROBLEM_STATE, 0, 1, "1: executed in the problem state")
            .alias("problem")
            .orNothing();

    private static final List<Code> CODES = codes();

    /** All of them. */
    public static final List<CallFormat> ALL = List.of(
            new CallFormat(
                    Kind.INSTRUCTION,
                    "RPCIT",
                    RPCIT,
                    List.of(
                            register("r1", "request register").orNothing(),
                            handle(),
                            Operand.word("start", START, "first address, in register R2")
                                    .alias("r2"),
                            Operand.word("length", LENGTH, "bytes, in register R2 + 1")
                                    .alias("r2+1", "r3", "size"),
                            Operand.field("r2_number", R2_NUMBER, 0, 4, "number of register R2, even")
                                    .alias("r2_register")
                                    .orNothing(),
                            PROBLEM),
                    List.of(register("r1", "request register"), status()),
                    CODES,
                    "zPCI, sheet 2.3"),
            new CallFormat(
                    Kind.INSTRUCTION,
                    "MPCIFC",
                    MPCIFC,
                    List.of(
                            register("r1", "request register").orNothing(),
                            handle(),
                            space(),
                            field("oc", RequestRegister.OPERATION, "operation")
                                    .alias("op", "operation")
                                    .orNothing(),
                            Operand.memory("fib", FIB, Fib.BYTES, "function information block")
                                    .orNothing(),
                            PROBLEM),
                    List.of(register("r1", "request register"), status()),
                    CODES,
                    "zPCI, sheet 2.4"),
            new CallFormat(
                    Kind.INSTRUCTION,
                    "STPCIFC",
                    STPCIFC,
                    List.of(
                            register("r1", "request register").orNothing(),
                            handle(),
                            space(),
                            Operand.memory("fib", FIB, Fib.BYTES, "where the block is stored")
                                    .orNothing(),
                            PROBLEM),
                    List.of(
                            register("r1", "request register"),
                            status(),
                            Operand.memory("fib", FIB, Fib.BYTES, "function information block")),
                    CODES,
                    "zPCI, sheet 2.5"),
            new CallFormat(
                    Kind.INSTRUCTION,
                    "CLP",
                    CLP,
                    List.of(
                            Operand.memory(
                                            "block",
                                            BLOCK,
                                            org.iommu4j.s390.command.Clp.BLOCK_BYTES,
                                            "request, then the response with its length")
                                    .alias("request", "r2", "hex"),
                            PROBLEM),
                    List.of(Operand.answer(
                            "response",
                            BLOCK,
                            org.iommu4j.s390.command.Clp.BLOCK_BYTES - org.iommu4j.s390.command.Clp.REQUEST_BYTES,
                            "the response")),
                    CODES,
                    "zPCI, sheet 2.8"),
            new CallFormat(
                    Kind.INSTRUCTION,
                    "SIC",
                    SIC,
                    List.of(
                            Operand.field("mode", MODE, 0, 16, "0 all, 1 single")
                                    .alias("r1"),
                            Operand.word("r3", R3, "interruption subclass in bits 34:36")
                                    .orNothing(),
                            PROBLEM),
                    List.of(),
                    CODES,
                    "zPCI, sheet 2.9"));

    private ZpciInstruction() {}

    private static Operand register(String name, String about) {
        return Operand.word(name, R1, about);
    }

    private static Operand handle() {
        return field("handle", RequestRegister.HANDLE, "function handle")
                .alias("fh")
                .orNothing();
    }

    private static Operand space() {
        return field("dmaas", RequestRegister.DMAAS, "DMA address space").orNothing();
    }

    private static Operand status() {
        return field("status", RequestRegister.STATUS, "why the condition code is 1");
    }

    private static Operand field(String name, BitField field, String about) {
        return Operand.field(name, R1, field.shift(), field.width(), about);
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
