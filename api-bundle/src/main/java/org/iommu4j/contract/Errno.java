package org.iommu4j.contract;

/** The errors of the contract, with the Linux numbers that they mirror. */
public enum Errno {
    /** Done. */
    OK(0, "done"),
    /** A host-owned identifier or operation came from a guest. */
    EPERM(1, "belongs to the host"),
    /** No such container, device or range. */
    ENOENT(2, "does not exist"),
    /** The hardware failed or reported an error. */
    EIO(5, "the hardware failed"),
    /** Nothing is bound at that address. */
    ENXIO(6, "nothing is bound there"),
    /** A caller's, or the host's, memory is used up. */
    ENOMEM(12, "no memory"),
    /** Memory that the request names cannot be read. */
    EFAULT(14, "memory cannot be read"),
    /** In use. */
    EBUSY(16, "in use"),
    /** Exists already. */
    EEXIST(17, "exists already"),
    /** No backend serves the model, or the device is unknown to the container. */
    ENODEV(19, "no such device or backend"),
    /** Understood, but wrong. */
    EINVAL(22, "understood, but wrong"),
    /** No such request on this object. */
    ENOTTY(25, "request number unknown"),
    /** No room for another. */
    ENOSPC(28, "no room for another"),
    /** A range leaves what is bound. */
    ERANGE(34, "leaves what is bound"),
    /** Non-zero bytes where nothing is understood. */
    E2BIG(7, "non-zero bytes beyond what is understood"),
    /** Lengths or addresses do not fit their arithmetic. */
    EOVERFLOW(75, "arithmetic overflow"),
    /** The generation is neither known nor bridged. */
    EPROTONOSUPPORT(93, "generation neither known nor bridged"),
    /** A known field has a value that is not supported. */
    EOPNOTSUPP(95, "not supported"),
    /** No answer in time. */
    ETIMEDOUT(110, "no answer in time"),
    /** A handle of an earlier life. */
    ESTALE(116, "stale handle");

    private final int number;
    private final String text;

    Errno(int number, String text) {
        this.number = number;
        this.text = text;
    }

    /** The positive Linux number. */
    public int number() {
        return number;
    }

    /** A few words for people. */
    public String text() {
        return text;
    }

    /** The result code: 0, or the negative number. */
    public int code() {
        return -number;
    }

    /** The error of a result code. */
    public static Errno ofCode(int code) {
        for (Errno errno : values()) {
            if (errno.number == -code) {
                return errno;
            }
        }
        throw new IllegalArgumentException("no errno " + code);
    }
}
