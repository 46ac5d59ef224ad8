package org.iommu4j.core.foreign;

import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.Errno;

/**
 * An exception of foreign code, as plain data: nothing of the exception is kept, as its stack trace, its causes and its class
 * would keep the class loader of a backend. An exception is a foreign object itself: each of its methods may hang or throw.
 *
 * @param errno the error class; never {@link Errno#OK}
 * @param text a short sentence
 * @param trace the stack traces of the exception and its causes, bounded; empty for a refusal
 * @param frames where it was thrown, bounded; empty for a refusal
 * @param refusal true if it is a {@link BackendException}: an answer, not a defect
 * @param unloadable true if classes of the backend could not be loaded, as after its jar was overwritten
 */
public record Thrown(
        Errno errno, String text, String trace, List<StackTraceElement> frames, boolean refusal, boolean unloadable) {
    private static final int LONGEST_TEXT = 300;
    private static final int LONGEST_TRACE = 8192;
    private static final int MOST_FRAMES = 32;
    private static final int MOST_CAUSES = 4;

    /** Longest wait in nanoseconds of a client for the text of an exception. */
    private static final long TEXT_NANOS = TimeUnit.MILLISECONDS.toNanos(200);

    /**
     * Asks an exception what it says. Calls foreign code, so that it may hang unless {@link #isPlain}; never throws.
     */
    public static Thrown of(Throwable thrown) {
        try {
            return new Thrown(
                    errnoOf(thrown),
                    textOf(thrown),
                    thrown instanceof BackendException ? "" : traceOf(thrown),
                    thrown instanceof BackendException ? List.of() : framesOf(thrown),
                    thrown instanceof BackendException,
                    thrown instanceof LinkageError || thrown instanceof InternalError);
        } catch (Throwable unspeakable) {
            // The methods of an exception are foreign code too.
            return unspeakable(thrown);
        }
    }

    /** As {@link #of}, in a bounded time: an exception of a foreign class is asked in a thread of its own. */
    public static Thrown inTime(Throwable thrown) {
        if (isPlain(thrown)) {
            return of(thrown);
        }
        try (VendorThread thread = new VendorThread("iommu4j-text")) {
            return thread.call("asking an exception", TEXT_NANOS, () -> of(thrown));
        } catch (VendorFailure e) {
            return unspeakable(thrown);
        }
    }

    /** True if the exception and its causes are of the JDK's classes or the contract's: those do not hang. */
    private static boolean isPlain(Throwable thrown) {
        Throwable cause = thrown;
        for (int i = 0; i < MOST_CAUSES && cause != null; i++) {
            Class<?> type = cause.getClass();
            if (type.getClassLoader() != null && type != BackendException.class) {
                return false;
            }
            cause = cause.getCause();
        }
        return cause == null;
    }

    /** Stands for an exception that does not describe itself, or not in time. */
    private static Thrown unspeakable(Throwable thrown) {
        String name = thrown.getClass().getName();
        return new Thrown(
                errnoOf(thrown),
                bounded(name, LONGEST_TEXT) + ", an error that cannot describe itself",
                bounded(name, LONGEST_TEXT),
                List.of(),
                thrown instanceof BackendException,
                thrown instanceof LinkageError || thrown instanceof InternalError);
    }

    private static Errno errnoOf(Throwable thrown) {
        Errno errno = thrown instanceof BackendException refusal ? refusal.errno() : null;
        return errno == null || errno == Errno.OK ? Errno.EIO : errno;
    }

    private static String textOf(Throwable thrown) {
        String message = thrown.getMessage();
        if (message == null || message.isBlank()) {
            return bounded(thrown.getClass().getName(), LONGEST_TEXT);
        }
        String said = bounded(message, LONGEST_TEXT);
        return thrown instanceof BackendException
                ? said
                : bounded(thrown.getClass().getName() + ": " + said, LONGEST_TEXT);
    }

    private static String traceOf(Throwable thrown) {
        StringBuilder trace = new StringBuilder();
        Set<Throwable> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        Throwable cause = thrown;
        while (cause != null && seen.size() < MOST_CAUSES && seen.add(cause)) {
            trace.append(seen.size() == 1 ? "" : "\ncaused by ").append(textOf(cause));
            for (StackTraceElement frame : framesOf(cause)) {
                trace.append("\n    at ").append(frame);
            }
            cause = cause.getCause();
        }
        return bounded(trace.toString(), LONGEST_TRACE);
    }

    private static String bounded(String text, int longest) {
        return text.length() <= longest ? text : text.substring(0, longest);
    }

    private static List<StackTraceElement> framesOf(Throwable thrown) {
        StackTraceElement[] frames = thrown.getStackTrace();
        return List.of(Arrays.copyOf(frames, Math.min(MOST_FRAMES, frames.length)));
    }

    /** The exception that users of the core see; of a defect its cause tells what was thrown and where. */
    public BackendException toUsers() {
        return refusal
                ? new BackendException(errno, text)
                : new BackendException(errno, "the backend failed: " + text, new Retold(this));
    }

    /** Stands for what was thrown: reads as it did, and holds nothing of it. */
    private static final class Retold extends RuntimeException {
        private static final long serialVersionUID = 1L;

        private Retold(Thrown thrown) {
            super(thrown.text(), null, false, true);
            setStackTrace(thrown.frames().toArray(StackTraceElement[]::new));
        }

        /** Without the name of this class: the message begins with that of what was thrown. */
        @Override
        @SuppressWarnings("OverrideThrowableToString")
        public String toString() {
            return getMessage();
        }
    }
}
