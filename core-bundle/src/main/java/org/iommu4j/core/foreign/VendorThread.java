package org.iommu4j.core.foreign;

import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.LongSupplier;
import org.iommu4j.core.gate.Gate;
import org.iommu4j.core.service.IdleTime;
import org.iommu4j.core.service.Watch;

/**
 * A thread for foreign code that may hang: asking, making, saving and restoring. It lives for one undertaking, so that nothing a
 * backend leaves in it outlives the undertaking; if the code hangs, the thread is left behind and ends when the code does.
 */
public final class VendorThread implements AutoCloseable {
    private final ThreadPoolExecutor executor;
    private volatile Thread worker;

    /** Starts the thread, so that no pause has to wait for its start. */
    public VendorThread(String name) {
        executor = new ThreadPoolExecutor(1, 1, 0, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), work -> {
            Thread thread = new Thread(null, work, name, 0, false);
            thread.setDaemon(true);
            thread.setContextClassLoader(VendorThread.class.getClassLoader());
            worker = thread;
            return thread;
        });
        executor.prestartCoreThread();
    }

    /**
     * Runs foreign code that others wait for, such as that within a pause. What it throws is turned into text where it was
     * thrown, within the same bound.
     *
     * @param what names the work in the reason of a failure
     * @param nanos longest time in nanoseconds
     * @throws VendorFailure if it throws anything or does not come back in time
     */
    public <T> T call(String what, long nanos, Callable<T> work) throws VendorFailure {
        long deadline = Gate.deadline(nanos);
        return call(what, nanos, work, () -> deadline - System.nanoTime());
    }

    /**
     * Runs foreign code that nobody's requests wait for. Time in which the machine had no processor for it is not held against
     * it ({@link IdleTime}), so that a good backend does not fail on a busy machine.
     *
     * @param what names the work in the reason of a failure
     * @param nanos longest time in nanoseconds in which it computes or waits
     * @throws VendorFailure if it throws anything or does not come back in time
     */
    public <T> T callWithoutHaste(String what, long nanos, Callable<T> work) throws VendorFailure {
        IdleTime idle = new IdleTime(worker, nanos);
        return call(what, nanos, work, () -> idle.isOver() ? 0 : idle.lookNanos());
    }

    /**
     * Runs foreign code.
     *
     * @param rest for how long to wait until it is asked again, in nanoseconds; 0 or less if the time is over
     */
    private <T> T call(String what, long nanos, Callable<T> work, LongSupplier rest) throws VendorFailure {
        Attempt<T> attempt = new Attempt<>(work);
        Future<?> end = executor.submit(attempt);
        boolean interrupted = false;
        try {
            for (; ; ) {
                long wait = Math.max(0, rest.getAsLong());
                try {
                    end.get(wait, TimeUnit.NANOSECONDS);
                    return attempt.outcome(what);
                } catch (TimeoutException e) {
                    if (wait == 0) {
                        String place = Watch.place(worker.getStackTrace());
                        end.cancel(true);
                        throw VendorFailure.hung(what + " did not end within " + TimeUnit.NANOSECONDS.toMillis(nanos)
                                + " ms" + place + attempt.silent());
                    }
                } catch (InterruptedException e) {
                    // A half-done move helps nobody: it is bounded in time, so it is finished first.
                    interrupted = true;
                }
            }
        } catch (ExecutionException e) {
            throw VendorFailure.hung(what + ": the thread was lost");
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** One piece of work and what came of it; no exception leaves it. */
    private static final class Attempt<T> implements Runnable {
        private final Callable<T> work;
        private volatile T value;
        private volatile String silent = "";
        private volatile Thrown thrown;

        private Attempt(Callable<T> work) {
            this.work = work;
        }

        @Override
        public void run() {
            try {
                value = work.call();
            } catch (Throwable foreign) {
                silent = "; it threw " + foreign.getClass().getName() + ", which did not tell why";
                thrown = Thrown.of(foreign);
            }
        }

        private T outcome(String what) throws VendorFailure {
            if (thrown != null) {
                throw VendorFailure.threw(what, thrown);
            }
            return value;
        }

        /** The end of a sentence about work that did not end: whether an exception hangs where it should speak. */
        private String silent() {
            return silent;
        }
    }

    @Override
    public void close() {
        executor.shutdownNow();
    }
}
