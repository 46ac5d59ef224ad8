package org.iommu4j.driver.domain;

/**
 * A vendor's domain, as the books need it.
 *
 * @param <V> what the vendor keeps of a device
 */
public interface DomainRecord<V> {
    /** The domain's devices; always the same object. */
    Members<V> members();

    /** Brings up to date what requests read, after a device came or went. */
    void rebuild();
}
