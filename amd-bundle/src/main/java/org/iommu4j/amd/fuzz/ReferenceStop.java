package org.iommu4j.amd.fuzz;

/** A translation of the reference walker ends with a fault code, or without an opinion. */
final class ReferenceStop extends RuntimeException {
    /** The architecture allows two answers, or the walker does not know. */
    static final int NO_OPINION = -1;

    static final int ILLEGAL_ENTRY = 1;
    static final int PAGE_FAULT = 2;
    static final int TABLE_ERROR = 3;
    static final int PAGE_TABLE_ERROR = 4;
    static final int INVALID_REQUEST = 8;

    private static final long serialVersionUID = 1;
    private final int code;

    ReferenceStop(int code) {
        super(null, null, false, false);
        this.code = code;
    }

    int code() {
        return code;
    }
}
