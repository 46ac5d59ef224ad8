package org.iommu4j.s390.command;

import java.util.List;
import org.iommu4j.layout.Code;

/** Program interruptions that an instruction may end in, docs/spec/s390-zpci.md 2.1. */
public final class ProgramInterruption {
    public static final int OPERATION = 0x1;
    public static final int PRIVILEGED = 0x2;
    public static final int ADDRESSING = 0x5;
    public static final int SPECIFICATION = 0x6;
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
