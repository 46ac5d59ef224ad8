package org.iommu4j.testbench.fuzz;

import java.util.List;
import org.iommu4j.testbench.FuzzFailure.Kind;

/** An invariant of the fuzzer is broken. */
final class Failed extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final Kind kind;
    private final transient List<String> explain;

    Failed(Kind kind, String message) {
        this(kind, message, null);
    }

    Failed(Kind kind, String message, Throwable cause) {
        this(kind, message, cause, List.of());
    }

    private Failed(Kind kind, String message, Throwable cause, List<String> explain) {
        super(message, cause);
        this.kind = kind;
        this.explain = explain;
    }

    /** Adds command lines that decode the bytes at fault, unless it has some. */
    Failed explained(List<String> hints) {
        return explain.isEmpty() && !hints.isEmpty() ? new Failed(kind, getMessage(), this, hints) : this;
    }

    Kind kind() {
        return kind;
    }

    /** Command lines that decode the bytes at fault; empty if there are none. */
    List<String> explain() {
        return explain;
    }
}
