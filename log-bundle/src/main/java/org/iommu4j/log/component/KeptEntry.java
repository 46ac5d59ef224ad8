package org.iommu4j.log.component;

import java.lang.ref.WeakReference;
import org.osgi.framework.Bundle;
import org.osgi.framework.ServiceReference;
import org.osgi.service.log.LogEntry;
import org.osgi.service.log.LogLevel;
import org.osgi.service.log.LogService;

/**
 * An entry of the log. It keeps no bundle and no class loader alive: the bundle and the service are referred to weakly, and
 * of an exception it has the text and the stack traces.
 */
final class KeptEntry implements LogEntry {
    /** Longest message in characters; what is longer is cut, and says so. */
    static final int MAX_MESSAGE = 4096;

    private static final String CUT = "...";

    private final long sequence;
    private final long millis;
    private final String logger;
    private final WeakReference<Bundle> bundle;
    private final WeakReference<ServiceReference<?>> reference;
    private final LogLevel level;
    private final String message;
    private final Throwable failure;
    private final String thread = Thread.currentThread().getName();

    KeptEntry(
            long sequence,
            long millis,
            String logger,
            Bundle bundle,
            ServiceReference<?> reference,
            LogLevel level,
            String message,
            Throwable failure) {
        this.sequence = sequence;
        this.millis = millis;
        this.logger = logger;
        this.bundle = new WeakReference<>(bundle);
        this.reference = new WeakReference<>(reference);
        this.level = level;
        this.message = cut(String.valueOf(message));
        this.failure = failure == null ? null : KeptException.of(failure);
    }

    /** A text of at most {@link #MAX_MESSAGE} characters. */
    static String cut(String text) {
        return text.length() <= MAX_MESSAGE ? text : text.substring(0, MAX_MESSAGE - CUT.length()) + CUT;
    }

    /** Null also if the bundle has gone. */
    @Override
    public Bundle getBundle() {
        return bundle.get();
    }

    @Override
    public ServiceReference<?> getServiceReference() {
        return reference.get();
    }

    @Override
    @Deprecated
    public int getLevel() {
        return switch (level) {
            case AUDIT, ERROR -> LogService.LOG_ERROR;
            case WARN -> LogService.LOG_WARNING;
            case INFO -> LogService.LOG_INFO;
            case DEBUG, TRACE -> LogService.LOG_DEBUG;
        };
    }

    @Override
    public String getMessage() {
        return message;
    }

    @Override
    public Throwable getException() {
        return failure;
    }

    @Override
    public long getTime() {
        return millis;
    }

    @Override
    public LogLevel getLogLevel() {
        return level;
    }

    @Override
    public String getLoggerName() {
        return logger;
    }

    @Override
    public long getSequence() {
        return sequence;
    }

    @Override
    public String getThreadInfo() {
        return thread;
    }

    /** Null: to find out would cost more than the entry. */
    @Override
    public StackTraceElement getLocation() {
        return null;
    }

    @Override
    public String toString() {
        return level + " " + logger + " " + message;
    }
}
