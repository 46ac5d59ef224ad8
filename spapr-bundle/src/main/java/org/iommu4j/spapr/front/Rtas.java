package org.iommu4j.spapr.front;

import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.spapr.command.RtasStatus;

/** Cells of an RTAS call. */
final class Rtas {
    private static final int BUS_SHIFT = 16;

    private Rtas() {}

    /** True if the call has that many arguments and return cells. */
    static boolean has(NativeCall call, int arguments, int returns) {
        return call.word(CallFormat.RTAS_ARGUMENT_COUNT) == arguments
                && call.word(CallFormat.RTAS_RETURN_COUNT) == returns;
    }

    /** An argument; 32 bits, unsigned. */
    static long argument(NativeCall call, int index) {
        return call.word(CallFormat.RTAS_FIRST_ARGUMENT + index) & 0xffff_ffffL;
    }

    /** The requester id that the first argument names: its bus, device and function. */
    static int requester(NativeCall call) {
        return (int) (argument(call, 0) >>> Byte.SIZE) & 0xffff;
    }

    /** The bus that the first argument names. */
    static long bus(NativeCall call) {
        return argument(call, 0) >>> BUS_SHIFT & 0xff;
    }

    /** The unit id in the second and third argument. */
    static long buid(NativeCall call) {
        return argument(call, 1) << Integer.SIZE | argument(call, 2);
    }

    /** Ends a call with a status alone; the cells after it are zero. */
    static void status(NativeCall call, int status) {
        clear(call);
        call.result(status);
    }

    /** Ends a call that succeeds with cells. */
    static void answer(NativeCall call, long... cells) {
        clear(call);
        for (int i = 0; i < cells.length; i++) {
            call.word(i, cells[i] & 0xffff_ffffL);
        }
        call.result(RtasStatus.SUCCESS);
    }

    private static void clear(NativeCall call) {
        for (int i = 0; i < NativeCall.WORDS; i++) {
            call.word(i, 0);
        }
    }
}
