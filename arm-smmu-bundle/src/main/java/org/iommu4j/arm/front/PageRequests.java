package org.iommu4j.arm.front;

import org.iommu4j.arm.command.PageRequestEntry;

/**
 * Page requests of devices, IHI 0070 8: written to their queue, or answered by the chip itself. After an overflow nothing is
 * written until software acknowledges it, even if there is room.
 */
public final class PageRequests {
    /** Outcome of a request. */
    public enum Answer {
        /** It is in the queue; software answers. */
        QUEUED,
        /** It is dropped: another of its group is answered, or nothing is. */
        DROPPED,
        /** The chip answers Success at once: the device tries again. */
        SUCCESS,
        /** The chip answers Failure at once. */
        FAILURE
    }

    private final RecordQueue queue;
    private final InterruptMessage interrupt;

    PageRequests(RecordQueue queue, InterruptMessage interrupt) {
        this.queue = queue;
        this.interrupt = interrupt;
    }

    /**
     * A request of a device, or a stop marker.
     *
     * @param word0 first word of its entry
     * @param word1 second word
     */
    public Answer request(long word0, long word1) {
        boolean last = PageRequestEntry.LAST.isSet(word0);
        boolean asks = PageRequestEntry.READ.isSet(word0) || PageRequestEntry.WRITE.isSet(word0);
        boolean stopMarker = last && !asks && PageRequestEntry.SSV.isSet(word0);
        if (!queue.isOn()) {
            return stopMarker ? Answer.DROPPED : Answer.FAILURE;
        }
        if (queue.hasOverflowed() || !queue.isWritable()) {
            queue.overflow();
            return last && !stopMarker ? Answer.SUCCESS : Answer.DROPPED;
        }
        boolean first = queue.isEmpty();
        if (!queue.write(new long[] {word0, word1})) {
            return stopMarker ? Answer.DROPPED : Answer.FAILURE;
        }
        if (interrupt.isOnLastOnly() ? last : first) {
            interrupt.raise();
        }
        return Answer.QUEUED;
    }
}
