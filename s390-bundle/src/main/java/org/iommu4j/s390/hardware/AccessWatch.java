package org.iommu4j.s390.hardware;

import org.iommu4j.backend.WalkListener;

/** What the cache of a unit goes through during an access, for somebody who observes. */
interface AccessWatch {
    /** Nobody observes. */
    AccessWatch NOBODY = new AccessWatch() {};

    /** Who is told of the entries that a walk reads: the access's own listener, or one that also tells their layouts. */
    default WalkListener reading(WalkListener listener) {
        return listener;
    }

    /** A cached translation of 2^shift bytes from {@code first} on answers. */
    default void hit(int function, long first, int shift) {}

    /** No translation is cached. */
    default void missed(int function, long address) {}

    /** The tables were read, and what they say may be kept. */
    default void filled(int function, long first, int shift, long frame) {}
}
