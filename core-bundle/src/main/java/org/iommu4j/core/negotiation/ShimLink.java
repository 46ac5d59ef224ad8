package org.iommu4j.core.negotiation;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.iommu4j.backend.Conversion;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.IommuModel;

/**
 * A shim and what it said about itself, asked once: an edge of the graph of generations.
 *
 * @param shim the shim
 * @param model the model
 * @param from the generation that it reads
 * @param to the generation that it writes
 * @param name for agreements
 * @param fidelity whether it may widen
 * @param version of the bundle that brings it
 * @param conversions what becomes of each operation
 */
public record ShimLink(
        Shim shim,
        IommuModel model,
        int from,
        int to,
        String name,
        Fidelity fidelity,
        BackendVersion version,
        List<Conversion> conversions) {
    /** Longest name or version, in characters, that the core takes from a backend or a shim. */
    public static final int LONGEST_NAME = 200;

    /** Most operations of a shim. */
    private static final int MOST_CONVERSIONS = 64;

    /**
     * Asks a shim. Calls foreign code.
     *
     * @param version of the bundle that brings it; null if nobody knows it, which is older than all others
     * @throws IllegalArgumentException if the answers make no sense
     */
    public static ShimLink of(Shim shim, BackendVersion version) {
        Objects.requireNonNull(shim, "a shim is null");
        String name = shim.name();
        Fidelity fidelity = shim.fidelity();
        ShimLink link = new ShimLink(
                shim,
                shim.model(),
                shim.from(),
                shim.to(),
                name,
                fidelity,
                version == null ? BackendVersion.NONE : version,
                checked(shim.conversions(), name, fidelity));
        if (link.model == null || link.name == null || link.fidelity == null) {
            throw new IllegalArgumentException("a shim has no model, name or fidelity");
        }
        if (link.name.length() > LONGEST_NAME) {
            throw new IllegalArgumentException("a shim has a name of " + link.name.length() + " characters");
        }
        if (link.from == link.to) {
            throw new IllegalArgumentException(
                    "shim " + link.name + " leads from 0x" + Integer.toHexString(link.from) + " to itself");
        }
        return link;
    }

    private static List<Conversion> checked(List<Conversion> told, String name, Fidelity fidelity) {
        List<Conversion> taken = new ArrayList<>();
        for (Conversion conversion : told) {
            if (taken.size() == MOST_CONVERSIONS) {
                throw new IllegalArgumentException("a shim tells of more than " + MOST_CONVERSIONS + " operations");
            }
            if (conversion.operation().length() > LONGEST_NAME
                    || conversion.step().length() > LONGEST_NAME
                    || conversion.why().length() > LONGEST_NAME
                    || conversion.field().length() > LONGEST_NAME) {
                throw new IllegalArgumentException(
                        "a shim tells of an operation in more than " + LONGEST_NAME + " characters");
            }
            if (conversion.outcome() == Conversion.Outcome.WIDENED && fidelity == Fidelity.EXACT) {
                throw new IllegalArgumentException(
                        "shim " + name + " never widens, but widens " + conversion.operation());
            }
            taken.add(conversion);
        }
        return List.copyOf(taken);
    }

    /** By the shim's identity: what a shim itself calls equal is foreign code. */
    @Override
    public boolean equals(Object other) {
        return other instanceof ShimLink that && shim == that.shim;
    }

    @Override
    public int hashCode() {
        return System.identityHashCode(shim);
    }

    /** The name that was asked for once: methods of a shim are foreign code. */
    @Override
    public String toString() {
        return name;
    }
}
