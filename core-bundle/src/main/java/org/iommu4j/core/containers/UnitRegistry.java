package org.iommu4j.core.containers;

import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.core.backends.BackendEntry;
import org.iommu4j.core.negotiation.Negotiated;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.Offer;

/** The registry of a model as its units see it: the backend that serves, agreements with it, virtual IOMMUs made by it. */
public interface UnitRegistry {
    /** The backend that serves, or null. */
    BackendEntry active();

    /** Negotiates a client's offer with a backend. */
    Negotiated negotiate(BackendEntry serving, Offer offer, int hostSubVersion);

    /** A session with a backend. */
    Session session(ContainerConfig config, Negotiated found, BackendEntry serving);

    /** Makes a virtual IOMMU; waits for a backend as other calls of a unit do. */
    CoreGuest openGuest(CoreUnit unit, HardwareConfig config, GuestRequests sink);

    /** Gives a unit a chip from reset. */
    void reset(CoreUnit unit);

    /** The state of a unit's chip, which has no driver. */
    Snapshot save(CoreUnit unit);

    /** Gives a unit a chip with that state. */
    void restore(CoreUnit unit, Snapshot state);

    /** A unit is closed. */
    void closed(CoreUnit unit);
}
