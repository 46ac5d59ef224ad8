package org.iommu4j.core.containers;

import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.core.backends.BackendEntry;
import org.iommu4j.core.backends.Contained;

/**
 * A virtual IOMMU as one backend made it: what stands behind the gate of a {@link CoreGuest}.
 *
 * @param backend the backend that made it
 * @param decoder the virtual IOMMU, which throws nothing but {@link org.iommu4j.backend.BackendException}; null if its state
 *     was lost
 * @param lostBecause why its state was lost; empty if it was not
 */
public record GuestBackend(BackendEntry backend, GuestDecoder decoder, String lostBecause) {
    /** Contains what the decoder throws. */
    public GuestBackend {
        decoder = decoder == null ? null : Contained.decoder(decoder, backend);
    }
}
