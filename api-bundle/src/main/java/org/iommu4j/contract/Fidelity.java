package org.iommu4j.contract;

/** How what was done relates to what was asked; never less. */
public enum Fidelity {
    /** Exactly what was asked was dropped. */
    EXACT,
    /** More was dropped than asked: safe, costs time. */
    WIDENED;

    /** The worse of two. */
    public Fidelity and(Fidelity other) {
        return this == WIDENED ? this : other;
    }
}
