package org.iommu4j.core;

import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.Errno;

/**
 * What foreign code threw, as text. The core keeps no exception of a backend: its stack trace would keep the backend's
 * class loader.
 */
final class Reasons {
    private static final int LONGEST = 300;

    private Reasons() {}

    /** A short sentence about what was thrown; never throws itself. */
    static String of(Throwable thrown) {
        try {
            String message = thrown.getMessage();
            String text;
            if (message == null || message.isBlank()) {
                text = thrown.getClass().getName();
            } else if (thrown instanceof BackendException) {
                text = message;
            } else {
                text = thrown.getClass().getName() + ": " + message;
            }
            return text.length() <= LONGEST ? text : text.substring(0, LONGEST);
        } catch (RuntimeException | Error e) {
            // The message is foreign code too.
            return "an error that cannot describe itself";
        }
    }

    /** The error class of what was thrown. */
    static Errno errno(Throwable thrown) {
        Errno errno = thrown instanceof BackendException refusal ? refusal.errno() : null;
        return errno == null || errno == Errno.OK ? Errno.EIO : errno;
    }

    /** What was thrown, as the only exception that users of the core see. */
    static BackendException typed(Throwable thrown) {
        return thrown instanceof BackendException refusal
                ? refusal
                : new BackendException(Errno.EIO, "the backend failed: " + of(thrown), thrown);
    }
}
