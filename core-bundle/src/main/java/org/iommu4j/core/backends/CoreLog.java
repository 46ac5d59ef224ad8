package org.iommu4j.core.backends;

/** Where the core's log goes. */
public interface CoreLog {
    /** How much a line matters. */
    enum Level {
        /** As it should be. */
        INFO,
        /** Something was refused, failed or was contained; a backend serves. */
        WARNING,
        /** Nobody serves a model any more because something failed. */
        ERROR
    }

    /** One line; the trace of an exception may follow it in lines of its own. */
    void log(Level level, String line);
}
