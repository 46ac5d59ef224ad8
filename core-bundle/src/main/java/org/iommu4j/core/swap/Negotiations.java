package org.iommu4j.core.swap;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.Shim;
import org.iommu4j.core.backends.BackendEntry;
import org.iommu4j.core.containers.CoreContainer;
import org.iommu4j.core.containers.CoreUnit;
import org.iommu4j.core.containers.Session;
import org.iommu4j.core.negotiation.Negotiated;
import org.iommu4j.core.negotiation.Negotiator;
import org.iommu4j.core.negotiation.ShimGraph;
import org.iommu4j.core.negotiation.ShimLink;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.NegotiationTable;
import org.iommu4j.core.service.Offer;

/** Negotiates for the clients of one model, with the shims of the backend that serves and those of other bundles. */
final class Negotiations {
    private static final int DESCRIPTIONS_KEPT = 64;

    /** Descriptions outlive their backends: they tell what generations look like that nobody serves any more. */
    private final List<BackendDescription> descriptions = new CopyOnWriteArrayList<>();

    private final List<ShimLink> shims = new CopyOnWriteArrayList<>();

    /** Keeps a description, in place of the oldest if there are many. */
    void remember(BackendDescription description) {
        if (!descriptions.contains(description)) {
            descriptions.add(description);
            if (descriptions.size() > DESCRIPTIONS_KEPT) {
                descriptions.remove(0);
            }
        }
    }

    /** A shim has come. */
    void add(ShimLink shim) {
        shims.add(shim);
    }

    /** A shim is leaving; false if it was not there. */
    boolean remove(Shim shim) {
        return shims.removeIf(link -> link.shim() == shim);
    }

    /** Forgets all shims. */
    void clear() {
        shims.clear();
    }

    /** The agreement that a client gets from a backend, on a chip of a generation. */
    Negotiated negotiate(BackendEntry serving, BackendEntry.Parts parts, Offer offer, int hostSubVersion) {
        return Negotiator.negotiate(offer, hostSubVersion, serving.description(), graph(serving, parts));
    }

    /** Agreements of clients of each generation with chips of a backend. */
    NegotiationTable table(BackendEntry serving, BackendEntry.Parts parts) {
        return Negotiator.table(serving.description(), graph(serving, parts));
    }

    private ShimGraph graph(BackendEntry serving, BackendEntry.Parts parts) {
        List<ShimLink> all = new ArrayList<>(parts.shims());
        all.addAll(shims);
        return new ShimGraph(serving.model(), all, parts.unbridgeable());
    }

    /** A session of a client with a backend; one that refuses everything if they cannot meet. */
    Session session(ContainerConfig config, Negotiated negotiated, BackendEntry serving) {
        return negotiated.holds() ? Session.of(config, negotiated, serving, descriptions) : Session.lost(negotiated);
    }

    /** A container's session with a backend that serves it from now on. */
    Session renewed(CoreUnit unit, CoreContainer container, BackendEntry serving) {
        Session before = container.session();
        if (before != null && before.isStale()) {
            return before;
        }
        return session(container.config(), renewedAgreement(unit, container, serving), serving);
    }

    /** The agreement of a container with a backend that serves it from now on; it answers the offer that the client sent. */
    Negotiated renewedAgreement(CoreUnit unit, CoreContainer container, BackendEntry serving) {
        Negotiated renewed = negotiate(serving, serving.parts(), container.renewedOffer(), unit.subVersion());
        return new Negotiated(renewed.agreement().answering(container.config().offer()), renewed.chain());
    }

    /** True if the agreement of any container would be another now, since shims have come or gone. */
    boolean anyChanges(List<CoreUnit> units, BackendEntry serving) {
        for (CoreUnit unit : units) {
            for (CoreContainer container : unit.allContainers()) {
                Session session = container.session();
                if (session != null
                        && !session.isStale()
                        && !renewedAgreement(unit, container, serving).equals(session.negotiated())) {
                    return true;
                }
            }
        }
        return false;
    }
}
