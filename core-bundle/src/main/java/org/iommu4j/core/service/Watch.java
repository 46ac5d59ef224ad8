package org.iommu4j.core.service;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.Errno;

/**
 * Does work of which a vendor's code is a part on a thread of its own, which is left behind when it does not come back: what
 * that code does cannot be ended from outside. Used by tools, which may take long as long as they get on; the core bounds its
 * own calls. For one caller.
 */
public final class Watch implements AutoCloseable {
    /** Longest time, in nanoseconds, that tools wait for one step. */
    public static final long DEFAULT_LIMIT_NANOS = 10_000_000_000L;

    /**
     * How often the caller looks within the limit. Looks are counted, not the clock's time: a process that was suspended, or got
     * no processor, has missed one look and does not hang.
     */
    private static final int LOOKS_PER_LIMIT = 20;

    /** Code that is not a vendor's: the place is looked for below it. */
    private static final List<String> OURS = List.of(
            "org.iommu4j.testbench.",
            "org.iommu4j.upgrade.",
            "org.iommu4j.shell.",
            "org.iommu4j.core.",
            "org.iommu4j.simulation.",
            "org.iommu4j.driver.",
            "org.iommu4j.backend.",
            "org.iommu4j.contract.",
            "org.iommu4j.layout.");

    private final long limitNanos;
    private ExecutorService executor;
    private volatile Thread worker;

    /**
     * A watch.
     *
     * @param limitNanos longest time in which the work must begin something new, or end
     */
    public Watch(long limitNanos) {
        this.limitNanos = limitNanos;
    }

    /** Work that did not come back. */
    public static final class HangException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        private final transient Progress progress;

        private HangException(String message, Progress progress) {
            super(message);
            this.progress = progress;
        }

        /**
         * The exception that a tool throws when it hangs.
         *
         * @param before what hangs if no step has begun
         * @return {@code ETIMEDOUT}, which names the step
         */
        public BackendException toUsers(String before) {
            String what = progress.step() < 0 ? before : progress.op() + " " + progress.step();
            return new BackendException(Errno.ETIMEDOUT, what + " " + getMessage(), this);
        }

        /** How far it was. */
        public Progress progress() {
            return progress;
        }
    }

    /**
     * Does work and waits for it; what it throws is thrown here.
     *
     * @param <T> what the work comes to
     * @param work tells how far it is
     * @return what the work came to
     * @throws HangException if it does not come back
     */
    public <T> T run(Function<Progress, T> work) {
        if (executor == null) {
            executor = Executors.newSingleThreadExecutor(this::thread);
        }
        Progress progress = new Progress();
        Future<T> result = executor.submit(() -> work.apply(progress));
        long seen = progress.begun();
        int idleLooks = 0;
        while (true) {
            try {
                return result.get(lookNanos(limitNanos), TimeUnit.NANOSECONDS);
            } catch (TimeoutException e) {
                if (progress.begun() != seen) {
                    seen = progress.begun();
                    idleLooks = 0;
                } else if (++idleLooks >= LOOKS_PER_LIMIT) {
                    throw abandon(progress);
                }
            } catch (ExecutionException e) {
                if (e.getCause() instanceof Error error) {
                    throw error;
                }
                if (e.getCause() instanceof RuntimeException exception) {
                    throw exception;
                }
                // Languages other than Java throw checked exceptions that no signature announces.
                throw new BackendException(Errno.EIO, String.valueOf(e.getCause()), e.getCause());
            } catch (InterruptedException e) {
                result.cancel(true);
                Thread.currentThread().interrupt();
                throw new BackendException(Errno.EIO, "interrupted", e);
            }
        }
    }

    /**
     * Waits for something that tells of no progress on the way, as {@link #run} does.
     *
     * @param limitNanos longest wait
     * @return true if it has come
     */
    public static boolean await(CountDownLatch event, long limitNanos) throws InterruptedException {
        for (int look = 0; look < LOOKS_PER_LIMIT; look++) {
            if (event.await(lookNanos(limitNanos), TimeUnit.NANOSECONDS)) {
                return true;
            }
        }
        return false;
    }

    /** The longest time in nanoseconds that counts between two looks, however long it was: a part of the limit. */
    public static long lookNanos(long limitNanos) {
        return Math.max(1, limitNanos / LOOKS_PER_LIMIT);
    }

    private Thread thread(Runnable work) {
        Thread thread = new Thread(work, "iommu4j-watched");
        thread.setDaemon(true);
        worker = thread;
        return thread;
    }

    private HangException abandon(Progress progress) {
        String place = place(worker.getStackTrace());
        executor.shutdownNow();
        executor = null;
        return new HangException(
                "did not come back in " + TimeUnit.NANOSECONDS.toMillis(limitNanos) + " ms" + place, progress);
    }

    /**
     * The place where a thread is, for messages.
     *
     * @param frames its stack, the top first
     * @return the end of a sentence: the top of the stack in a vendor's code, else in any but Java's; empty if it has ended
     */
    public static String place(StackTraceElement[] frames) {
        StackTraceElement found = null;
        for (StackTraceElement frame : frames) {
            boolean java =
                    frame.getModuleName() != null && frame.getModuleName().startsWith("java.");
            if (!java && OURS.stream().noneMatch(frame.getClassName()::startsWith)) {
                return "; it is at " + frame;
            }
            if (found == null && !java) {
                found = frame;
            }
        }
        if (found == null && frames.length > 0) {
            found = frames[0];
        }
        return found == null ? "" : "; it is at " + found;
    }

    /** Ends its thread, but for one that was left behind. */
    @Override
    public void close() {
        if (executor != null) {
            executor.shutdown();
        }
    }
}
