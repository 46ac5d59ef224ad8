package org.iommu4j.core.containers;

/** How far a batch, or one request, has come that takes several stays behind the gate. */
public final class RequestPosition {
    /** The request of the batch that comes next. */
    int next;

    /** How many requests of the batch have been carried out. */
    int done;

    /** How far the next request itself has come, as {@link org.iommu4j.contract.InvalidateRequest#progress()} counts. */
    long progress;

    /** Begins. */
    RequestPosition begin() {
        next = 0;
        done = 0;
        progress = 0;
        return this;
    }

    /** A copy. */
    RequestPosition copy() {
        RequestPosition copy = new RequestPosition();
        copy.next = next;
        copy.done = done;
        copy.progress = progress;
        return copy;
    }
}
