package org.iommu4j.testbench;

import java.util.List;

/**
 * Something that must not happen, and how to see it again.
 *
 * @param kind what
 * @param message one line
 * @param seed of the run
 * @param caseNumber with the seed it makes the case anew, before shrinking; -1 if it was no case
 * @param steps of the shrunken case
 * @param line the shrunken case in the case format, on one line; empty if it was no case
 * @param explain command lines that decode the bytes at fault; empty if there are none
 */
public record FuzzFailure(
        Kind kind, String message, long seed, long caseNumber, int steps, String line, List<String> explain) {
    /** Copies the list. */
    public FuzzFailure {
        explain = List.copyOf(explain);
    }

    /** A failure without bytes at fault. */
    public FuzzFailure(Kind kind, String message, long seed, long caseNumber, int steps, String line) {
        this(kind, message, seed, caseNumber, steps, line, List.of());
    }

    /** The invariant that a failed case breaks. */
    public enum Kind {
        /** An exception was thrown that is no error of the contract. */
        UNTYPED_EXCEPTION("an exception that is no error of the contract"),
        /** A call did not return in time. */
        HANG("no end in time"),
        /** Something grew without bound: caches, records, pages, memory. */
        GROWTH("growth without bound"),
        /** A refused request or call changed something. */
        CHANGED_ON_REFUSAL("a refusal changed the state"),
        /** An answer contradicts itself. */
        WRONG_ANSWER("an answer that contradicts itself"),
        /** An access had another outcome than the reference walker's. */
        WRONG_TRANSLATION("an access came to something else than the tables say"),
        /** The sanitizer found a fault of the chip or its driver. */
        STALE("the sanitizer found a fault of the chip or its driver"),
        /** A value or a state changed by encoding and decoding, or by saving and restoring. */
        ROUND_TRIP("not the same after encoding and decoding"),
        /** The steps had another outcome the second time. */
        NOT_DETERMINISTIC("the same steps came to something else");

        private final String text;

        Kind(String text) {
            this.text = text;
        }

        /** A few words for people. */
        public String text() {
            return text;
        }
    }
}
