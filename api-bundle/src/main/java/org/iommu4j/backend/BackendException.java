package org.iommu4j.backend;

import org.iommu4j.contract.Errno;

/** A backend cannot do what it was asked; its state is as before. */
public final class BackendException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final Errno errno;

    /**
     * A refusal.
     *
     * @param errno the error class
     * @param message names the field, its value and the limit
     */
    public BackendException(Errno errno, String message) {
        super(message);
        this.errno = errno;
    }

    /** A refusal with its cause. */
    public BackendException(Errno errno, String message, Throwable cause) {
        super(message, cause);
        this.errno = errno;
    }

    /** The error class. */
    public Errno errno() {
        return errno;
    }
}
