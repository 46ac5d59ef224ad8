package org.iommu4j.backend;

import java.util.Objects;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.Rule;

/**
 * The fidelity of one operation on its way from a generation to another: a part of what an agreement tells a client, so that it can
 * decide before it binds anything.
 *
 * @param operation which requests, in the words of the model's document
 * @param outcome what becomes of them
 * @param step number of the rule in the model's document, as {@code H5}; empty if it has none
 * @param why one short clause: by what a request is widened, or why it is refused; empty if nothing is to be said
 * @param rule which rule of the contract a refusal names; null if nothing is refused, or the refusal names none
 * @param field which field a refusal names; empty as {@code rule} is null
 */
public record Conversion(String operation, Outcome outcome, String step, String why, Rule rule, String field) {
    /** The operation of a shim that tells nothing by operation. */
    public static final String EVERY_REQUEST = "every request";

    /** Outcome of an operation, from the best to the worst. */
    public enum Outcome {
        /** The same is dropped. */
        LOSSLESS,
        /** More is dropped, or may be; never less. */
        WIDENED,
        /** It is refused by name, before anything has happened. */
        REFUSED
    }

    /** Checks that nothing is missing. */
    public Conversion {
        Objects.requireNonNull(operation, "a conversion has no operation");
        Objects.requireNonNull(outcome, "a conversion has no outcome");
        Objects.requireNonNull(step, "a conversion has no step");
        Objects.requireNonNull(why, "a conversion has no reason");
        Objects.requireNonNull(field, "a conversion has no field");
    }

    /** The same is dropped. */
    public static Conversion lossless(String operation, String step, String why) {
        return new Conversion(operation, Outcome.LOSSLESS, step, why, null, "");
    }

    /** More may be dropped. */
    public static Conversion widened(String operation, String step, String why) {
        return new Conversion(operation, Outcome.WIDENED, step, why, null, "");
    }

    /** Refused by rule and field. */
    public static Conversion refused(String operation, String step, Rule rule, String field, String why) {
        return new Conversion(operation, Outcome.REFUSED, step, why, rule, field);
    }

    /** Conversion of all requests, for a shim that tells nothing by operation. */
    static Conversion ofAll(Fidelity fidelity, String name) {
        return fidelity == Fidelity.EXACT
                ? lossless(EVERY_REQUEST, name, "")
                : widened(EVERY_REQUEST, name, "the shim may widen");
    }

    /** The worse of two that follow one another; the first if they are alike. */
    public Conversion and(Conversion next) {
        return next.outcome.compareTo(outcome) > 0 ? next : this;
    }
}
