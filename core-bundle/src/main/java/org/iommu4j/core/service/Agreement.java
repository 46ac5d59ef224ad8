package org.iommu4j.core.service;

import java.util.List;
import java.util.Set;
import org.iommu4j.backend.Conversion;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.IommuModel;

/**
 * The agreement of a client and the core before the first request. It repeats the offer as it was received, so that a client which
 * finds another one than it sent knows that somebody between has changed it.
 *
 * @param model the model
 * @param kind exact, bridged or refused
 * @param clientSubVersion generation of the client's vendor parts
 * @param hostSubVersion generation of the chip
 * @param shims names of the handlers between them, in order
 * @param fidelity {@link Fidelity#WIDENED} if a shim may widen; null if it is refused, as nothing will be carried out
 * @param reason why it is refused, or how it was chosen
 * @param offer what was offered, as it was received
 * @param features the capabilities that were chosen: all that are required, and those optional ones that the chip has
 * @param operations what becomes of each operation on its way through the shims, in the order of the shims; empty without shims
 * @param wouldWork offers that this chip would take if this one is refused, the best first; empty if it is not, or if there are none
 */
public record Agreement(
        IommuModel model,
        Kind kind,
        int clientSubVersion,
        int hostSubVersion,
        List<String> shims,
        Fidelity fidelity,
        String reason,
        Offer offer,
        Set<String> features,
        List<Conversion> operations,
        List<Offer> wouldWork) {
    /** How client and host meet. */
    public enum Kind {
        /** Both speak the same generation. */
        EXACT,
        /** Named shims lie between them. */
        BRIDGED,
        /** They cannot meet. */
        REFUSED
    }

    /** Copies the lists; a refused agreement has no fidelity, whatever was given. */
    public Agreement {
        shims = List.copyOf(shims);
        fidelity = kind == Kind.REFUSED ? null : fidelity;
        features = Set.copyOf(features);
        operations = List.copyOf(operations);
        wouldWork = List.copyOf(wouldWork);
    }

    /** A copy that answers another offer: the one that the client sent, where the core went on with a part of it. */
    public Agreement answering(Offer sent) {
        return new Agreement(
                model,
                kind,
                clientSubVersion,
                hostSubVersion,
                shims,
                fidelity,
                reason,
                sent,
                features,
                operations,
                wouldWork);
    }

    /** An agreement on one offered generation, without features, that tells nothing by operation. */
    public Agreement(
            IommuModel model,
            Kind kind,
            int clientSubVersion,
            int hostSubVersion,
            List<String> shims,
            Fidelity fidelity,
            String reason) {
        this(
                model,
                kind,
                clientSubVersion,
                hostSubVersion,
                shims,
                fidelity,
                reason,
                Offer.exactly(model, clientSubVersion),
                Set.of(),
                List.of(),
                List.of());
    }
}
