package org.iommu4j.spapr.command;

import static org.iommu4j.layout.Code.code;

import java.util.List;
import org.iommu4j.layout.Code;

/** Status of RTAS calls, the first cell that comes back; a signed 32-bit number. */
public final class RtasStatus {
    public static final int SUCCESS = 0;

    /** slot-error-detail: no error was found. */
    public static final int NO_ERRORS_FOUND = 1;

    public static final int HARDWARE_ERROR = -1;

    /** A parameter is wrong, or there is no such call. */
    public static final int PARAMETER_ERROR = -3;

    /** The endpoint is not in a state in which the call makes sense. */
    public static final int UNEXPECTED_STATE = -7;

    /** All of them, by their names. */
    public static final List<Code> ALL = List.of(
            code(SUCCESS, "SUCCESS"),
            code(NO_ERRORS_FOUND, "NO_ERRORS_FOUND"),
            code(HARDWARE_ERROR, "HARDWARE_ERROR"),
            code(-2, "BUSY"),
            code(PARAMETER_ERROR, "PARAMETER_ERROR"),
            code(UNEXPECTED_STATE, "UNEXPECTED_STATE_CHANGE"),
            code(-8, "RESET_REFUSED"));

    private RtasStatus() {}
}
