package org.iommu4j.testbench.run;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Completion;
import org.iommu4j.core.service.Container;

/**
 * What moves when a guest moves to another machine: its memory, and the state of its IOMMU. Of a bare chip that is the chip's
 * state; of one with a driver it is what the guest's containers asked for, since the driver's tables are the host's, and stay.
 *
 * @param chip the state of a bare chip; null with a driver
 * @param memory the pages that steps have written, as they are
 * @param requests that changed something, in their order; empty for a bare chip
 * @param offers by the name of a container, the generation of its client where it is not the chip's
 */
record SavedMachine(Snapshot chip, List<Piece> memory, List<Request> requests, Map<String, Integer> offers) {
    /** For the answer of a step. */
    Map<String, Object> toJson() {
        Map<String, Object> values = new LinkedHashMap<>();
        if (chip == null) {
            values.put("requests", requests.size());
        } else {
            values.put("version", chip.version());
            values.put("bytes", chip.bytes().length);
        }
        values.put(
                "memoryBytes",
                memory.stream().mapToLong(piece -> piece.bytes().length).sum());
        return values;
    }

    /**
     * Some memory.
     *
     * @param pa first address
     */
    record Piece(long pa, byte[] bytes) {}

    /**
     * A request of the contract that was carried out.
     *
     * @param container its name
     * @param what for messages
     * @param call makes it again
     */
    record Request(String container, String what, Call call) {}

    /** A call of a container. */
    @FunctionalInterface
    interface Call {
        /** Makes it. */
        void on(Container container, Completion completion);
    }
}
