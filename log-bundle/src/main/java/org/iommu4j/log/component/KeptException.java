package org.iommu4j.log.component;

/** The plain parts of an exception: its text, its stack trace and those of its causes, but no object of its bundle. */
final class KeptException extends Exception {
    private static final long serialVersionUID = 1L;

    /** Causes that are kept; a chain may be a ring. */
    private static final int MAX_CAUSES = 8;

    private KeptException(String text, StackTraceElement[] places, Throwable cause) {
        super(text, cause, false, true);
        setStackTrace(places);
    }

    /** Copies the plain parts of an exception. */
    static KeptException of(Throwable failure) {
        return of(failure, MAX_CAUSES);
    }

    private static KeptException of(Throwable failure, int depth) {
        try {
            Throwable cause = failure.getCause();
            return new KeptException(
                    KeptEntry.cut(failure.toString()),
                    failure.getStackTrace(),
                    cause == null || depth == 0 ? null : of(cause, depth - 1));
        } catch (Throwable e) {
            return new KeptException(failure.getClass().getName(), new StackTraceElement[0], null);
        }
    }
}
