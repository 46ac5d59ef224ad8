package org.iommu4j.s390.hardware;

/** What the cache of a unit goes through during an access, for somebody who observes. */
interface AccessWatch {
    /** Nobody observes. */
    AccessWatch NOBODY = new AccessWatch() {};

    /** A cached translation of 2^shift bytes from {@code first} on answers. */
    default void hit(int function, long first, int shift) {}

    /** No translation is cached. */
    default void missed(int function, long address) {}

    /** The tables were read, and what they say may be kept. */
    default void filled(int function, long first, int shift, long frame) {}
}
