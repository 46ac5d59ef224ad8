package org.iommu4j.core.negotiation;

import java.util.List;
import org.iommu4j.core.service.Agreement;

/**
 * The outcome of a negotiation.
 *
 * @param agreement what client and chip agreed on, or why they do not
 * @param chain the shims that the agreement names, from the client's generation to the chip's; empty if there are none
 */
public record Negotiated(Agreement agreement, List<ShimLink> chain) {
    /** True if client and chip can meet. */
    public boolean holds() {
        return agreement.kind() != Agreement.Kind.REFUSED;
    }
}
