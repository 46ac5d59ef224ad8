package org.iommu4j.core;

import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.Errno;

/** Foreign code failed while the core prepared or moved something. Carries text only. */
final class VendorFailure extends Exception {
    private static final long serialVersionUID = 1L;

    private final Errno errno;
    private final boolean hung;

    /** A failure; {@code hung} if the code did not come back. */
    VendorFailure(Errno errno, String reason, boolean hung) {
        super(reason, null, false, false);
        this.errno = errno;
        this.hung = hung;
    }

    /** The error class. */
    Errno errno() {
        return errno;
    }

    /** True if the code did not come back in time. */
    boolean hung() {
        return hung;
    }

    /** The same for users of the core. */
    BackendException toUsers() {
        return new BackendException(errno, getMessage());
    }
}
