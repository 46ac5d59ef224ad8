package org.iommu4j.testbench.fuzz;

import java.util.Map;

/** Something that a case does. What depends on the state of the chip is worked out when it is carried out. */
sealed interface Action {
    /** The model's software sets the machine up. */
    record BringUp(long seed) implements Action {}

    /** One step of the case format. */
    record Plain(Map<String, Object> step) implements Action {}

    /** A native command, put into the queue wherever that is by then. */
    record Command(byte[] bytes) implements Action {}

    /**
     * A hypercall, RTAS call or instruction.
     *
     * @param words of the call
     */
    record Call(int function, long[] words) implements Action {}

    /** Everything from before is dropped from every cache. */
    record Settle() implements Action {}

    /** Devices that a fault has stopped are brought back; nothing if none was found stopped. */
    record Recover() implements Action {}

    /**
     * Steps that leave things as they found them, many times: nothing may grow.
     *
     * @param measured true if the process's memory is measured too
     */
    record Soak(java.util.List<Map<String, Object>> steps, int rounds, boolean measured) implements Action {}
}
