package org.iommu4j.s390.command;

import java.util.List;
import org.iommu4j.layout.Code;

/** Operations of MPCIFC, docs/spec/s390-zpci.md 2.4. */
public final class FunctionControl {
    /** Register interrupts. */
    public static final int REGISTER_INTERRUPTS = 2;

    /** Unregister interrupts. */
    public static final int UNREGISTER_INTERRUPTS = 3;

    /** Register I/O address translation. */
    public static final int REGISTER_IOAT = 4;

    /** Unregister I/O address translation. */
    public static final int UNREGISTER_IOAT = 5;

    /** Register I/O address translation anew. */
    public static final int REREGISTER_IOAT = 6;

    /** Leave the error state. */
    public static final int RESET_ERROR = 7;

    /** Release load and store in the error state. */
    public static final int RESET_BLOCK = 9;

    /** Set the measurement block. */
    public static final int SET_MEASURE = 10;

    /** All of them. */
    public static final List<Code> CODES = List.of(
            Code.code(REGISTER_INTERRUPTS, "register interrupts"),
            Code.code(UNREGISTER_INTERRUPTS, "unregister interrupts"),
            Code.code(REGISTER_IOAT, "register IOAT"),
            Code.code(UNREGISTER_IOAT, "unregister IOAT"),
            Code.code(REREGISTER_IOAT, "re-register IOAT"),
            Code.code(RESET_ERROR, "reset error state"),
            Code.code(RESET_BLOCK, "reset load/store blocked"),
            Code.code(SET_MEASURE, "set measurement block"));

    private FunctionControl() {}
}
