package org.iommu4j.core.backends;

/** Receives the core's log. */
public interface CoreLog {
    /** The importance of a line. */
    enum Level {
        /** Normal operation. */
        INFO,
        /** Something was refused, failed or was contained; a backend serves. */
        WARNING,
        /** Nobody serves a model any more because something failed. */
        ERROR
    }

    /** One line; the trace of an exception may follow it in lines of its own. */
    void log(Level level, String line);
}
