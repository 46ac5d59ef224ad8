package org.iommu4j.s390.translate;

import org.iommu4j.driver.domain.DomainRecord;
import org.iommu4j.driver.domain.Members;

/**
 * A container's domain: its functions. What an invalidation needs is kept in an array, which is rebuilt when a registration
 * changes.
 */
final class Domain implements DomainRecord<Device> {
    private static final Device[] NONE = {};

    private final Members<Device> members;
    private Device[] bound = NONE;

    Domain(int number) {
        members = new Members<>(number);
    }

    @Override
    public Members<Device> members() {
        return members;
    }

    /** The functions that something is registered for. */
    Device[] bound() {
        return bound;
    }

    @Override
    public void rebuild() {
        bound = members.devices().stream()
                .filter(device -> device.registration() != null)
                .toArray(Device[]::new);
    }
}
