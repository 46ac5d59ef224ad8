package org.iommu4j.driver.table;

import org.iommu4j.driver.domain.DomainRecord;

/**
 * A domain whose container may have a memory map.
 *
 * @param <V> what the vendor keeps of a device
 */
public interface MappedDomain<V> extends DomainRecord<V> {
    /** Tables of the container's memory map; null if it translates one to one. */
    MapTables memory();

    /** Gives the domain, whose devices are all blocked, the tables of a memory map. */
    void memory(MapTables tables);
}
