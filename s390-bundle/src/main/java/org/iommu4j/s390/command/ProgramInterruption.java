package org.iommu4j.s390.command;

import java.util.List;
import org.iommu4j.layout.Code;

/** Program interruptions that an instruction may end in, docs/spec/s390-zpci.md 2.1. */
public final class ProgramInterruption {
    /** No such instruction. */
    public static final int OPERATION = 0x1;

    /** Executed in the problem state. */
    public static final int PRIVILEGED = 0x2;

    /** An operand's address is not memory. */
    public static final int ADDRESSING = 0x5;

    /** A register or an alignment is wrong. */
    public static final int SPECIFICATION = 0x6;

    /** What the operand says is wrong. */
    public static final int OPERAND = 0x15;

    /** All of them, negated as {@link org.iommu4j.backend.NativeCall#result} has them. */
    public static final List<Code> CODES = List.of(
            Code.code(-OPERATION, "operation"),
            Code.code(-PRIVILEGED, "privileged"),
            Code.code(-ADDRESSING, "addressing"),
            Code.code(-SPECIFICATION, "specification"),
            Code.code(-OPERAND, "operand"));

    private ProgramInterruption() {}
}
