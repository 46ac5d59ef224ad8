package org.iommu4j.testbench;

import java.nio.file.Path;
import java.util.List;
import org.iommu4j.contract.IommuModel;

/**
 * The target and the limits of a run of the fuzzer. A case depends on the model, {@code what}, the seed, the case's number and the
 * corpus, never on time.
 *
 * @param model whose chips and drivers
 * @param what what is generated
 * @param seed of everything that is random
 * @param firstCase number of the first case
 * @param cases most cases
 * @param durationNanos no case begins after that
 * @param deadlineNanos a case that takes longer hangs
 * @param corpus case files whose cases are mutated too; may be empty
 */
public record FuzzOptions(
        IommuModel model,
        What what,
        long seed,
        long firstCase,
        long cases,
        long durationNanos,
        long deadlineNanos,
        List<Path> corpus) {
    /** Default deadline of a case in nanoseconds; one that takes longer hangs. */
    public static final long DEFAULT_DEADLINE_NANOS = 10_000_000_000L;

    /** The kind of input that is generated. */
    public enum What {
        /** Requests, attachments and bindings, with a driver in front of the chip. */
        CONTRACT,
        /** Native commands, hypercalls and instructions for a bare chip. */
        COMMANDS,
        /** Edits of tables, with accesses through them. */
        TABLES,
        /** Register accesses. */
        REGISTERS,
        /** All kinds in turn. */
        ALL
    }

    /** Copies the list. */
    public FuzzOptions {
        corpus = List.copyOf(corpus);
    }

    /** All kinds of input for a time, from the first case on. */
    public static FuzzOptions of(IommuModel model, long seed, long durationNanos) {
        return new FuzzOptions(
                model, What.ALL, seed, 0, Long.MAX_VALUE, durationNanos, DEFAULT_DEADLINE_NANOS, List.of());
    }

    /** A copy for another kind of input. */
    public FuzzOptions with(What other) {
        return new FuzzOptions(model, other, seed, firstCase, cases, durationNanos, deadlineNanos, corpus);
    }

    /** A copy for a number of cases, from a number on. */
    public FuzzOptions withCases(long first, long count) {
        return new FuzzOptions(model, what, seed, first, count, durationNanos, deadlineNanos, corpus);
    }

    /** A copy with another deadline of a case. */
    public FuzzOptions withDeadline(long nanos) {
        return new FuzzOptions(model, what, seed, firstCase, cases, durationNanos, nanos, corpus);
    }

    /** A copy with case files whose cases are mutated. */
    public FuzzOptions withCorpus(List<Path> files) {
        return new FuzzOptions(model, what, seed, firstCase, cases, durationNanos, deadlineNanos, files);
    }
}
