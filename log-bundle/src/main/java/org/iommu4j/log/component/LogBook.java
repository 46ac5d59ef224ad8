package org.iommu4j.log.component;

import java.time.Clock;
import java.util.ArrayDeque;
import java.util.Collections;
import java.util.Deque;
import java.util.Enumeration;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.osgi.framework.Bundle;
import org.osgi.framework.ServiceReference;
import org.osgi.service.log.LogEntry;
import org.osgi.service.log.LogLevel;
import org.osgi.service.log.LogListener;

/**
 * The last entries of the log, and who listens to new ones. Listeners run in a thread of the log's own, in order: whoever
 * logs never waits for them, whatever locks it holds.
 */
final class LogBook {
    /** Entries that are kept; older ones are forgotten. */
    static final int CAPACITY = 512;

    private static final int CLOSE_SECONDS = 2;

    private final Clock clock;
    private final LogLevel level;
    private final Deque<LogEntry> entries = new ArrayDeque<>();
    private final List<LogListener> listeners = new CopyOnWriteArrayList<>();
    private final ThreadPoolExecutor teller;
    private long sequence;

    /**
     * An empty log.
     *
     * @param level the least important level that is kept
     */
    LogBook(Clock clock, LogLevel level) {
        this.clock = clock;
        this.level = level;
        // Behind a listener that hangs wait at most as many entries as are kept.
        teller = new ThreadPoolExecutor(
                1,
                1,
                0,
                TimeUnit.SECONDS,
                new ArrayBlockingQueue<>(CAPACITY),
                task -> {
                    Thread thread = new Thread(task, "log listeners");
                    thread.setDaemon(true);
                    return thread;
                },
                new ThreadPoolExecutor.DiscardOldestPolicy());
    }

    /** True if entries of that level are kept. */
    boolean isEnabled(LogLevel wanted) {
        return level.implies(wanted);
    }

    /** Adds an entry if its level is kept; {@code bundle}, {@code reference} and {@code failure} may be null. */
    void add(
            String logger,
            Bundle bundle,
            ServiceReference<?> reference,
            LogLevel entryLevel,
            String message,
            Throwable failure) {
        if (!isEnabled(entryLevel)) {
            return;
        }
        synchronized (entries) {
            KeptEntry entry =
                    new KeptEntry(++sequence, clock.millis(), logger, bundle, reference, entryLevel, message, failure);
            if (entries.size() == CAPACITY) {
                entries.removeLast();
            }
            entries.addFirst(entry);
            // Inside, so that listeners are told in the order of the log.
            if (!listeners.isEmpty()) {
                teller.execute(() -> tell(entry));
            }
        }
    }

    private void tell(LogEntry entry) {
        for (LogListener listener : listeners) {
            try {
                listener.logged(entry);
            } catch (Throwable e) {
                // To log it would tell the same listener again.
                unlisten(listener);
            }
        }
    }

    void listen(LogListener listener) {
        if (!listeners.contains(listener)) {
            listeners.add(listener);
        }
    }

    void unlisten(LogListener listener) {
        listeners.remove(listener);
    }

    /** The kept entries, newest first. */
    Enumeration<LogEntry> kept() {
        synchronized (entries) {
            return Collections.enumeration(List.copyOf(entries));
        }
    }

    /** Tells listeners what they have not heard yet, for a bounded time, and ends. */
    void close() {
        teller.shutdown();
        try {
            if (!teller.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)) {
                teller.shutdownNow();
            }
        } catch (InterruptedException e) {
            teller.shutdownNow();
            Thread.currentThread().interrupt();
        }
    }
}
