package org.iommu4j.core.foreign;

import java.util.List;
import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.Errno;

/** Foreign code failed while the core prepared or moved something. Carries text only. */
public final class VendorFailure extends Exception {
    private static final long serialVersionUID = 1L;

    private final transient Thrown thrown;
    private final boolean hung;

    private VendorFailure(String reason, Thrown thrown, boolean hung) {
        super(reason, null, false, false);
        this.thrown = thrown;
        this.hung = hung;
    }

    /** The code threw something. */
    static VendorFailure threw(String what, Thrown thrown) {
        return new VendorFailure(what + ": " + thrown.text(), thrown, false);
    }

    /** The code did not come back. */
    static VendorFailure hung(String reason) {
        return new VendorFailure(reason, new Thrown(Errno.ETIMEDOUT, reason, "", List.of(), false, false), true);
    }

    /** The error class. */
    public Errno errno() {
        return thrown.errno();
    }

    /** The exception as plain data; for code that did not come back, a time-out. */
    public Thrown thrown() {
        return thrown;
    }

    /** True if the code did not come back in time. */
    boolean hung() {
        return hung;
    }

    /** True if the code said no, instead of breaking or not coming back. */
    public boolean isRefusal() {
        return thrown.refusal();
    }

    /** The exception that users of the core see. */
    public BackendException toUsers() {
        return new BackendException(errno(), getMessage());
    }
}
