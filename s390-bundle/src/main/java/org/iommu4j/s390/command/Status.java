package org.iommu4j.s390.command;

import java.util.List;
import org.iommu4j.layout.Code;

/** Status codes that come back in R1 with condition code 1, docs/spec/s390-zpci.md 2.4. */
public final class Status {
    public static final int RESOURCE = 4;
    public static final int FUNCTION_IN_ERROR = 8;
    public static final int BLOCKED = 12;
    public static final int INSUFFICIENT_RESOURCES = 16;
    public static final int INVALID_SPACE = 20;
    public static final int SEQUENCE = 24;
    public static final int INVALID_DMA_SPACE = 28;
    public static final int NOT_AVAILABLE = 40;

    /** All of them. */
    public static final List<Code> CODES = List.of(
            Code.code(RESOURCE, "resource not available"),
            Code.code(FUNCTION_IN_ERROR, "function in error"),
            Code.code(BLOCKED, "blocked"),
            Code.code(INSUFFICIENT_RESOURCES, "insufficient resources"),
            Code.code(INVALID_SPACE, "invalid address space"),
            Code.code(SEQUENCE, "sequence: registered already, or not at all"),
            Code.code(INVALID_DMA_SPACE, "DMA address space invalid"),
            Code.code(32, "frame invalid"),
            Code.code(36, "second operand in an invalid space"),
            Code.code(NOT_AVAILABLE, "not available, error recovery"),
            Code.code(44, "in the requested state already"));

    private Status() {}
}
