package org.iommu4j.core.containers;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;

/**
 * What one virtual IOMMU is to be told of the devices of its guest, in the order in which it happened. It waits here while the
 * virtual IOMMU cannot be called, as during a swap, and holds up nobody else's.
 */
final class GuestNotices {
    /** Most that wait: what a virtual IOMMU does not take for so long is lost, as in a queue that is full. */
    private static final int MOST = 1024;

    private final Predicate<CoreGuest.Notice> guest;

    /** Notices that wait; guarded by themselves. */
    private final Deque<CoreGuest.Notice> waiting = new ArrayDeque<>();

    private final ReentrantLock delivering = new ReentrantLock();

    /** True while something waits. */
    private volatile boolean waits;

    /**
     * Nothing waits.
     *
     * @param guest tells it something; false if it could not be called now
     */
    GuestNotices(Predicate<CoreGuest.Notice> guest) {
        this.guest = guest;
    }

    void add(CoreGuest.Notice notice) {
        synchronized (waiting) {
            if (waiting.size() < MOST) {
                waiting.add(notice);
                waits = true;
            }
        }
    }

    /** True if something waits. */
    boolean isWaiting() {
        return waits;
    }

    /**
     * Delivers what waits. The caller is inside neither the unit nor one of its virtual IOMMUs. Who comes while another one delivers
     * leaves it to that one.
     */
    void deliver() {
        boolean goesOn = true;
        while (goesOn && waits && delivering.tryLock()) {
            try {
                goesOn = deliverFirst();
            } finally {
                delivering.unlock();
            }
        }
    }

    private boolean deliverFirst() {
        CoreGuest.Notice next;
        synchronized (waiting) {
            next = waiting.peek();
        }
        if (next == null || !guest.test(next)) {
            return false;
        }
        synchronized (waiting) {
            waiting.remove();
            waits = !waiting.isEmpty();
        }
        return true;
    }
}
