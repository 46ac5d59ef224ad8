package org.iommu4j.spapr.command;

import static org.iommu4j.layout.Code.code;

import java.util.List;
import org.iommu4j.layout.Code;

/** Result codes of hypercalls, PAPR "Hypervisor Call Return Codes"; signed 64-bit numbers. */
public final class HypercallCode {
    public static final long SUCCESS = 0;
    public static final long BUSY = 1;

    /** The answer is only a part: what the caller does not own is left out. */
    public static final long PARTIAL = 5;

    /** First of the codes that ask to try again later: 9900 after 1 ms to 9905 after 100 s. */
    public static final long LONG_BUSY_FIRST = 9900;

    /** Last of those codes. */
    public static final long LONG_BUSY_LAST = 9905;

    public static final long HARDWARE = -1;

    /** There is no such call. */
    public static final long FUNCTION = -2;

    public static final long PRIVILEGE = -3;
    public static final long PARAMETER = -4;
    public static final long PERMISSION = -11;
    public static final long RESOURCE = -16;
    public static final long NOT_ENOUGH_RESOURCES = -44;

    /** A shared resource was taken back. */
    public static final long RESCINDED = -46;

    /** The fourth argument is wrong. */
    public static final long P4 = -57;

    /** All of them, by their names. */
    public static final List<Code> ALL = List.of(
            code(SUCCESS, "H_SUCCESS"),
            code(BUSY, "H_BUSY"),
            code(2, "H_CLOSED"),
            code(3, "H_NOT_AVAILABLE"),
            code(4, "H_CONSTRAINED"),
            code(PARTIAL, "H_PARTIAL"),
            code(9900, "H_LONG_BUSY_ORDER_1_MSEC"),
            code(9901, "H_LONG_BUSY_ORDER_10_MSEC"),
            code(9902, "H_LONG_BUSY_ORDER_100_MSEC"),
            code(9903, "H_LONG_BUSY_ORDER_1_SEC"),
            code(9904, "H_LONG_BUSY_ORDER_10_SEC"),
            code(9905, "H_LONG_BUSY_ORDER_100_SEC"),
            code(HARDWARE, "H_HARDWARE"),
            code(FUNCTION, "H_FUNCTION"),
            code(PRIVILEGE, "H_PRIVILEGE"),
            code(PARAMETER, "H_PARAMETER"),
            code(PERMISSION, "H_PERMISSION"),
            code(RESOURCE, "H_RESOURCE"),
            code(NOT_ENOUGH_RESOURCES, "H_NOT_ENOUGH_RESOURCES"),
            code(RESCINDED, "H_RESCINDED"),
            code(-55, "H_P2"),
            code(-56, "H_P3"),
            code(P4, "H_P4"),
            code(-58, "H_P5"),
            code(-59, "H_P6"),
            code(-60, "H_P7"),
            code(-61, "H_P8"),
            code(-62, "H_P9"),
            code(-64, "H_TOO_BIG"),
            code(-67, "H_UNSUPPORTED"),
            code(-68, "H_OVERLAP"));

    private HypercallCode() {}

    /** Name of a code for people; its number if it has none. */
    public static String nameOf(long value) {
        for (Code code : ALL) {
            if (code.value() == value) {
                return code.meaning();
            }
        }
        return Long.toString(value);
    }

    /** True if the same call may succeed later. */
    public static boolean isBusy(long value) {
        return value == BUSY || (value >= LONG_BUSY_FIRST && value <= LONG_BUSY_LAST);
    }
}
