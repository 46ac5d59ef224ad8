package org.iommu4j.testbench.fuzz;

import java.util.Map;

/** An action of a case. Whatever depends on the state of the chip is worked out when the action is carried out. */
sealed interface Action {
    /** The model's software sets the machine up. */
    record BringUp(long seed) implements Action {}

    /** One step of the case format. */
    record Plain(Map<String, Object> step) implements Action {}

    /** A native command, written at the tail that the queue has by then. */
    record Command(byte[] bytes) implements Action {}

    /**
     * A hypercall, RTAS call or instruction.
     *
     * @param words of the call
     */
    record Call(int function, long[] words) implements Action {}

    /** Drops every entry of every cache. */
    record Settle() implements Action {}

    /** Brings back devices that a fault has stopped; nothing if none was found stopped. */
    record Recover() implements Action {}

    /**
     * Steps that leave things as they found them, many times: nothing may grow.
     *
     * @param measured true if the process's memory is measured too
     */
    record Soak(java.util.List<Map<String, Object>> steps, int rounds, boolean measured) implements Action {}
}
