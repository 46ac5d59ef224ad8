package org.iommu4j.upgrade;

/** An upgrade run that cannot begin or cannot go on; the message is one line and says why. */
public final class UpgradeException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** A run that cannot go on. */
    public UpgradeException(String message) {
        super(message);
    }

    /** The same with its cause. */
    public UpgradeException(String message, Throwable cause) {
        super(message, cause);
    }
}
