package org.iommu4j.core.containers;

import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.core.backends.BackendEntry;
import org.iommu4j.core.negotiation.Negotiated;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.Offer;

/** What a unit asks of the registry of its model: who serves, on what terms, and who makes virtual IOMMUs. */
public interface UnitRegistry {
    /** The backend that serves, or null. */
    BackendEntry active();

    /** What a client gets from a backend. */
    Negotiated negotiate(BackendEntry serving, Offer offer, int hostSubVersion);

    /** A session with a backend. */
    Session session(ContainerConfig config, Negotiated found, BackendEntry serving);

    /** Makes a virtual IOMMU; waits for a backend as other calls of a unit do. */
    CoreGuest openGuest(CoreUnit unit, HardwareConfig config, GuestRequests sink);

    /** A unit is closed. */
    void closed(CoreUnit unit);
}
