package org.iommu4j.upgrade.run;

import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.iommu4j.core.service.Watch;

/** One thread of a run, and whether it gets on. Asked by one thread, again and again. */
final class Worker {
    private final String name;
    private final Thread thread;
    private final LongSupplier count;
    private final long limitNanos;
    private long seen;
    private long asked;
    private long idleNanos;

    /**
     * Work that has not begun.
     *
     * @param name what problems call it
     * @param count changes whenever the work gets on
     * @param limitNanos longest time without a change; a worker that has taken longer hangs
     */
    Worker(String name, Runnable work, LongSupplier count, long limitNanos) {
        this.name = name;
        this.count = count;
        this.limitNanos = limitNanos;
        thread = new Thread(work, "upgrade: " + name);
        thread.setDaemon(true);
    }

    /** Begins. */
    void start() {
        asked = System.nanoTime();
        thread.start();
    }

    /** True until the work has ended. */
    boolean isAlive() {
        return thread.isAlive();
    }

    /** The stack of a worker that makes no progress, as one line; empty while it does, and when it has ended. */
    String hang() {
        long now = System.nanoTime();
        long sinceAsked = now - asked;
        asked = now;
        long reached = count.getAsLong();
        if (reached != seen || !thread.isAlive()) {
            seen = reached;
            idleNanos = 0;
            return "";
        }
        idleNanos += Math.min(sinceAsked, Watch.lookNanos(limitNanos));
        return idleNanos < limitNanos
                ? ""
                : name + " did not come back in " + TimeUnit.NANOSECONDS.toMillis(limitNanos) + " ms"
                        + Watch.place(thread.getStackTrace());
    }
}
