package org.iommu4j.spapr.hardware;

import org.iommu4j.backend.WalkListener;

/** What the caches of a host bridge go through during an access, for somebody who observes. */
interface AccessWatch {
    /** Nobody observes. */
    AccessWatch NOBODY = new AccessWatch() {};

    /** Who is told of the entries that a walk reads: the access's own listener, or one that also tells their layouts. */
    default WalkListener reading(WalkListener listener) {
        return listener;
    }

    /** The endpoint of a requester came from the cache. */
    default void requesterHit(int requester, int pe) {}

    /** No endpoint is cached for a requester. */
    default void requesterMissed(int requester) {}

    /** A requester's entry of the table in memory was read from that address. */
    default void requesterRead(long address) {}

    /** The endpoint of a requester was read, and may be kept. */
    default void requesterFilled(int requester, int pe) {}

    /** A cached entry of a page of 2^shift bytes answers. */
    default void translationHit(int pe, long iova, int shift) {}

    /** No entry is cached. */
    default void translationMissed(int pe, long iova) {}

    /** The entry of a page of 2^shift bytes was read, and may be kept. */
    default void translationFilled(int pe, long iova, int shift, long tce) {}
}
