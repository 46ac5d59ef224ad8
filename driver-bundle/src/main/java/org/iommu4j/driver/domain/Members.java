package org.iommu4j.driver.domain;

import java.util.Collection;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * The devices of a domain, in the order of their keys. A vendor's domain holds one; the books change it.
 *
 * @param <V> what the vendor keeps of a device
 */
public final class Members<V> {
    private final int number;
    private final Map<Integer, V> devices = new TreeMap<>();

    /** No devices yet. */
    public Members(int number) {
        this.number = number;
    }

    /** The domain's number, which the core gives. */
    public int number() {
        return number;
    }

    /** The device of a key, or null. */
    public V device(int key) {
        return devices.get(key);
    }

    /** All devices. */
    public Collection<V> devices() {
        return Collections.unmodifiableCollection(devices.values());
    }

    Map<Integer, V> byKey() {
        return devices;
    }
}
