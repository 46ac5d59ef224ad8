package org.iommu4j.core;

import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.iommu4j.contract.Errno;

/**
 * A thread for foreign code that may hang: making, saving and restoring. It lives for one undertaking, so that nothing a
 * backend leaves in it outlives the undertaking; if the code hangs, the thread is left behind and ends when the code does.
 */
final class VendorThread implements AutoCloseable {
    private final ThreadPoolExecutor executor;

    /** Starts the thread, so that no pause has to wait for its start. */
    VendorThread(String name) {
        executor = new ThreadPoolExecutor(1, 1, 0, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), work -> {
            Thread thread = new Thread(null, work, name, 0, false);
            thread.setDaemon(true);
            thread.setContextClassLoader(VendorThread.class.getClassLoader());
            return thread;
        });
        executor.prestartCoreThread();
    }

    /**
     * Runs foreign code.
     *
     * @param what names the work in the reason of a failure
     * @param nanos longest time in nanoseconds
     * @throws VendorFailure if it throws anything or does not come back in time
     */
    <T> T call(String what, long nanos, Callable<T> work) throws VendorFailure {
        Future<T> outcome = executor.submit(work);
        boolean interrupted = false;
        long deadline = Gate.deadline(nanos);
        try {
            for (; ; ) {
                try {
                    return outcome.get(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
                } catch (InterruptedException e) {
                    // A half-done move helps nobody: it is bounded in time, so it is finished first.
                    interrupted = true;
                }
            }
        } catch (TimeoutException e) {
            outcome.cancel(true);
            throw new VendorFailure(
                    Errno.ETIMEDOUT,
                    what + " did not end within " + TimeUnit.NANOSECONDS.toMillis(nanos) + " ms",
                    true);
        } catch (ExecutionException e) {
            Throwable thrown = e.getCause();
            throw new VendorFailure(Reasons.errno(thrown), what + ": " + Reasons.of(thrown), false);
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    @Override
    public void close() {
        executor.shutdownNow();
    }
}
