package org.iommu4j.arm.front;

import org.iommu4j.arm.command.PageRequestEntry;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageRequest.Outcome;

/**
 * Page requests of devices, IHI 0070 8: written to their queue, or answered by the chip itself. After an overflow nothing is
 * written until software acknowledges it, even if there is room.
 */
public final class PageRequestQueue {
    private final RecordQueue queue;
    private final InterruptMessage interrupt;

    PageRequestQueue(RecordQueue queue, InterruptMessage interrupt) {
        this.queue = queue;
        this.interrupt = interrupt;
    }

    /** True while requests can be queued: the queue is enabled, and no write of it has been aborted. */
    public boolean isOn() {
        return queue.isOn();
    }

    /**
     * A request of a device, or a stop marker.
     *
     * @return {@link Outcome#ANSWERED} if the queue has no room: the chip answers, so that the device tries again; {@link
     *     Outcome#INVALID} if it is off, or a write of it was aborted: the chip answers with a failure
     */
    public Outcome request(PageRequest request) {
        if (!queue.isOn()) {
            return request.answered(Outcome.INVALID);
        }
        if (queue.hasOverflowed() || !queue.isWritable()) {
            queue.overflow();
            return request.answered(Outcome.ANSWERED);
        }
        boolean first = queue.isEmpty();
        if (!queue.write(PageRequestEntry.encode(request))) {
            return request.answered(Outcome.INVALID);
        }
        if (interrupt.isOnLastOnly() ? request.last() : first) {
            interrupt.raise();
        }
        return Outcome.QUEUED;
    }
}
