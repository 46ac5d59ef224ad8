package org.iommu4j.core.service;

import java.util.List;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.IommuModel;

/**
 * The agreement of a client and the core before the first request.
 *
 * @param model the model
 * @param kind exact, bridged or refused
 * @param clientSubVersion generation of the client's vendor parts
 * @param hostSubVersion generation of the chip
 * @param shims names of the handlers between them, in order
 * @param fidelity {@link Fidelity#WIDENED} if a shim may widen; null if it is refused, as nothing will be carried out
 * @param reason why it is refused, or how it was chosen
 */
public record Agreement(
        IommuModel model,
        Kind kind,
        int clientSubVersion,
        int hostSubVersion,
        List<String> shims,
        Fidelity fidelity,
        String reason) {
    /** How client and host meet. */
    public enum Kind {
        /** Both speak the same generation. */
        EXACT,
        /** Named shims lie between them. */
        BRIDGED,
        /** They cannot meet. */
        REFUSED
    }

    /** Copies the list; a refused agreement has no fidelity, whatever was given. */
    public Agreement {
        shims = List.copyOf(shims);
        fidelity = kind == Kind.REFUSED ? null : fidelity;
    }
}
