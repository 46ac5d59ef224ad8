package org.iommu4j.backend;

/** An access to an address where there is no memory. A chip turns it into its own fault; it carries no stack trace. */
public final class BusErrorException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final long pa;

    /**
     * An access that no memory answered.
     *
     * @param pa the first address that is not memory
     */
    public BusErrorException(long pa) {
        super("no memory at 0x" + Long.toHexString(pa), null, false, false);
        this.pa = pa;
    }

    /** The first address that is not memory. */
    public long pa() {
        return pa;
    }
}
