package org.iommu4j.s390.translate;

import java.util.Map;
import java.util.TreeMap;

/**
 * A container's domain: its functions. What an invalidation needs is kept in an array, which is rebuilt when a registration
 * changes.
 */
final class Domain {
    private static final Device[] NONE = {};

    private final int number;
    private final TreeMap<Integer, Device> devices = new TreeMap<>();
    private Device[] bound = NONE;

    Domain(int number) {
        this.number = number;
    }

    int number() {
        return number;
    }

    Map<Integer, Device> devices() {
        return devices;
    }

    Device device(int index) {
        return devices.get(index);
    }

    /** The functions that something is registered for. */
    Device[] bound() {
        return bound;
    }

    /** Brings the array up to date. */
    void rebuild() {
        bound = devices.values().stream()
                .filter(device -> device.registration() != null)
                .toArray(Device[]::new);
    }
}
