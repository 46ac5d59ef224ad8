package org.iommu4j.backend;

import java.util.Objects;

/**
 * Two generations between which no shim may be used, nor any chain of shims, whoever offers it: what a client of the one means
 * cannot be carried out by a chip of the other, and no single request shows it.
 *
 * @param from the client's generation
 * @param to the chip's
 * @param step number of the rule in the model's document that forbids it; empty if it has none
 * @param why one short clause
 */
public record Unbridgeable(int from, int to, String step, String why) {
    /** Checks that nothing is missing. */
    public Unbridgeable {
        Objects.requireNonNull(step, "a forbidden pair has no step");
        Objects.requireNonNull(why, "a forbidden pair has no reason");
    }
}
