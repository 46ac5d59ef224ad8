package org.iommu4j.core.service;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.function.LongSupplier;
import java.util.function.ToLongFunction;

/**
 * For how long a thread has got nowhere. Time in which the process was suspended, or in which the thread could run and was given
 * no processor, is not held against it: a machine that is busy with other work makes nothing hang. Asked by one thread, again and
 * again.
 */
public final class IdleTime {
    /** How often one who waits asks within the limit. What lies between two questions counts for no more than that share. */
    private static final int LOOKS = 20;

    /**
     * A thread that can run is held to at least one part in so many of the clock's time: a thread that waits in a system call
     * looks as if it could run, and uses no processor.
     */
    private static final int LEAST_SHARE = 10;

    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

    private final Thread thread;
    private final long limitNanos;
    private final LongSupplier clock;
    private final ToLongFunction<Thread> processor;
    private long askedNanos;
    private long processorNanos;
    private long idleNanos;

    /**
     * No time yet.
     *
     * @param limitNanos longest time that the thread may get nowhere, in nanoseconds
     */
    public IdleTime(Thread thread, long limitNanos) {
        this(thread, limitNanos, System::nanoTime, IdleTime::processorNanos);
    }

    /**
     * With times of a test's own.
     *
     * @param processor how long a thread has had a processor, in nanoseconds; negative if that is not known
     */
    IdleTime(Thread thread, long limitNanos, LongSupplier clock, ToLongFunction<Thread> processor) {
        this.thread = thread;
        this.limitNanos = limitNanos;
        this.clock = clock;
        this.processor = processor;
        restart();
    }

    private static long processorNanos(Thread thread) {
        return THREADS.isThreadCpuTimeSupported() && THREADS.isThreadCpuTimeEnabled()
                ? THREADS.getThreadCpuTime(thread.getId())
                : -1;
    }

    /** The thread has got on: it counts from here. */
    public void restart() {
        askedNanos = clock.getAsLong();
        processorNanos = processor.applyAsLong(thread);
        idleNanos = 0;
    }

    /** Adds what has passed since it was asked before; true if the limit is over. */
    public boolean isOver() {
        long now = clock.getAsLong();
        long used = processor.applyAsLong(thread);
        long passed = Math.min(now - askedNanos, lookNanos());
        if (thread.getState() == Thread.State.RUNNABLE && used >= 0 && processorNanos >= 0) {
            passed = Math.min(passed, Math.max(used - processorNanos, passed / LEAST_SHARE));
        }
        askedNanos = now;
        processorNanos = used;
        idleNanos += passed;
        return idleNanos >= limitNanos;
    }

    /** The longest that one who waits should take between two questions, in nanoseconds. */
    public long lookNanos() {
        return lookNanos(limitNanos);
    }

    static long lookNanos(long limitNanos) {
        return Math.max(1, limitNanos / LOOKS);
    }
}
