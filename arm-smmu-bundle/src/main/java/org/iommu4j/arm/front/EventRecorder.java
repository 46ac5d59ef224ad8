package org.iommu4j.arm.front;

import java.util.function.Consumer;

/** Writes event records, IHI 0070 7.2. A record that cannot be written is lost, unless its transaction is stalled. */
public final class EventRecorder {
    private final RecordQueue queue;
    private final InterruptMessage interrupt;

    /** Listener that waits for the queue to become writable, or null. */
    private Runnable onWritable;

    EventRecorder(RecordQueue queue, InterruptMessage interrupt) {
        this.queue = queue;
        this.interrupt = interrupt;
    }

    /** Runs an action whenever the queue may have become writable. */
    public void onWritable(Runnable action) {
        onWritable = action;
    }

    /** Something has happened by which the queue may have become writable. */
    void changed() {
        if (onWritable != null && queue.isWritable()) {
            onWritable.run();
        }
    }

    /** True if a record could be written. */
    public boolean isWritable() {
        return queue.isWritable();
    }

    /**
     * Writes a record.
     *
     * @param words four 64-bit words
     * @return false if it is lost: the queue is off, has stopped at an abort, or is full, which is an overflow
     */
    public boolean record(long[] words) {
        if (!queue.isOn()) {
            return false;
        }
        if (!queue.isWritable()) {
            queue.overflow();
            return false;
        }
        boolean first = queue.isEmpty();
        if (!queue.write(words)) {
            return false;
        }
        if (first) {
            interrupt.raise();
        }
        return true;
    }

    /** Hands all records that software has not read to somebody. */
    public void take(Consumer<byte[]> sink) {
        queue.take(sink);
        changed();
    }
}
