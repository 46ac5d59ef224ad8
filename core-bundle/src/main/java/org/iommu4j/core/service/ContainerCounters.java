package org.iommu4j.core.service;

import java.util.Map;

/**
 * Counters of a container's requests since it was opened.
 *
 * @param received requests that arrived
 * @param completed requests that were carried out
 * @param widened of these, how many dropped more than asked
 * @param refused requests that were refused, by rule id, or by errno where no rule says so
 * @param parked requests that had to wait for a backend or a swap
 */
public record ContainerCounters(long received, long completed, long widened, Map<String, Long> refused, long parked) {
    /** Copies the map. */
    public ContainerCounters {
        refused = Map.copyOf(refused);
    }
}
