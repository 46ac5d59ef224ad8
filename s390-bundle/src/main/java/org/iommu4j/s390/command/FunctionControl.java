package org.iommu4j.s390.command;

import java.util.List;
import org.iommu4j.layout.Code;

/** Operations of MPCIFC, docs/spec/s390-zpci.md 2.4. */
public final class FunctionControl {
    public static final int REGISTER_INTERRUPTS = 2;
    public static final int UNREGISTER_INTERRUPTS = 3;
    public static final int REGISTER_IOAT = 4;
    public static final int UNREGISTER_IOAT = 5;
    public static final int REREGISTER_IOAT = 6;
    public static final int RESET_ERROR = 7;
    public static final int RESET_BLOCK = 9;
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
