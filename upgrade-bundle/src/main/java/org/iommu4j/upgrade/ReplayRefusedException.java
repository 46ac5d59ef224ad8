package org.iommu4j.upgrade;

/** A well-formed capture that needs what no installed backend has, or what the replay does not know. */
public final class ReplayRefusedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** A refusal; the message is one line and says what is missing. */
    public ReplayRefusedException(String message) {
        super(message);
    }

    /** The same with its cause. */
    public ReplayRefusedException(String message, Throwable cause) {
        super(message, cause);
    }
}
