package org.iommu4j.core.service;

import org.osgi.annotation.versioning.ConsumerType;

/** Stands between units and their clients, for instance to record what the clients ask. */
@ConsumerType
@FunctionalInterface
public interface UnitInterposer {
    /**
     * Gives what clients, and virtual IOMMUs, get in place of a new unit. The chip and its driver never see it, so that the
     * memory that {@link Unit#platform} shows tells the clients' writes from theirs.
     *
     * @param unit the unit, before its client has it
     * @param config what it was made with
     * @return the unit itself, or one that passes every call on to it
     */
    Unit interpose(Unit unit, UnitConfig config);
}
