package org.iommu4j.core.gate;

import org.iommu4j.contract.Errno;

/** How a call through a {@link Gate} ended. */
public enum Verdict {
    /** It was carried out. */
    RAN(Errno.OK, "done"),
    /** No backend came to carry it out. */
    UNAVAILABLE(Errno.ENODEV, "no backend served the model in time"),
    /** Another call did not come back. */
    BUSY(Errno.ETIMEDOUT, "another call was inside the unit until the time limit"),
    /** Too many wait already. */
    FULL(Errno.EBUSY, "as many requests wait as the client allowed"),
    /** The caller is inside already. */
    REENTERED(Errno.EBUSY, "called from inside a call of the same unit"),
    /** The waiting thread was interrupted. */
    INTERRUPTED(Errno.ENODEV, "interrupted while it waited for a backend"),
    /** The gate is closed. */
    CLOSED(Errno.ENODEV, "the unit is closed");

    private final Errno errno;
    private final String reason;

    Verdict(Errno errno, String reason) {
        this.errno = errno;
        this.reason = reason;
    }

    /** The error of a call that was not carried out. */
    public Errno errno() {
        return errno;
    }

    /** Why it was not carried out. */
    public String reason() {
        return reason;
    }
}
