package org.iommu4j.core.negotiation;

import java.util.Objects;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.IommuModel;

/**
 * A shim and what it said about itself, asked once.
 *
 * @param shim the shim
 * @param model the model
 * @param from the generation that it reads
 * @param to the generation that it writes
 * @param name for agreements
 * @param fidelity whether it may widen
 */
public record ShimLink(Shim shim, IommuModel model, int from, int to, String name, Fidelity fidelity) {
    /** Longest name or version, in characters, that the core takes from a backend or a shim. */
    public static final int LONGEST_NAME = 200;

    /**
     * Asks a shim. Calls foreign code.
     *
     * @throws IllegalArgumentException if the answers make no sense
     */
    public static ShimLink of(Shim shim) {
        Objects.requireNonNull(shim, "a shim is null");
        ShimLink link = new ShimLink(shim, shim.model(), shim.from(), shim.to(), shim.name(), shim.fidelity());
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
