package org.iommu4j.testbench.fuzz;

import java.util.List;
import java.util.Map;
import org.iommu4j.backend.FuzzScene;

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

    /**
     * Drops what came from one entry.
     *
     * @param requester the device that reaches a page by the entry
     * @param pasid that it names, or {@link org.iommu4j.backend.DmaAccess#NO_PASID}
     * @param commands for the queue of a bare chip
     * @param request the step that asks a driver; null on a bare chip
     */
    record Drop(int requester, int pasid, FuzzScene.Entry entry, List<byte[]> commands, Map<String, Object> request)
            implements Action {}

    /** Brings back devices that a fault has stopped; nothing if none was found stopped. */
    record Recover() implements Action {}

    /**
     * Steps that leave things as they found them, many times: nothing may grow.
     *
     * @param measured true if the process's memory is measured too
     */
    record Soak(List<Map<String, Object>> steps, int rounds, boolean measured) implements Action {}
}
