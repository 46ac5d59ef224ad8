package org.iommu4j.testbench.fuzz;

import org.iommu4j.testbench.FuzzFailure.Kind;

/** Something that must not happen has happened. */
final class Failed extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final Kind kind;

    Failed(Kind kind, String message) {
        super(message);
        this.kind = kind;
    }

    Failed(Kind kind, String message, Throwable cause) {
        super(message, cause);
        this.kind = kind;
    }

    Kind kind() {
        return kind;
    }
}
