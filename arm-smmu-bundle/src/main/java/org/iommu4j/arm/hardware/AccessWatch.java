package org.iommu4j.arm.hardware;

import org.iommu4j.arm.command.Granule;
import org.iommu4j.backend.WalkListener;

/** What the caches of a chip go through during an access, for somebody who observes. */
interface AccessWatch {
    /** Nobody observes. */
    AccessWatch NOBODY = new AccessWatch() {};

    /** True if somebody observes: then every translation has to come from words that this access has read. */
    default boolean observes() {
        return false;
    }

    /** Who is told of the structures that are read: the access's own listener, or one that also tells their layouts. */
    default WalkListener reading(WalkListener listener) {
        return listener;
    }

    /** A device presents an address that it has translated itself. */
    default void presented(int streamId, int substream, long address) {}

    /** No stream table entry is cached for a stream. */
    default void streamMissed(int streamId) {}

    /** The entry was read, and may be kept. */
    default void streamFilled(int streamId, long target) {}

    /** The entry came from the cache. */
    default void streamHit(int streamId) {}

    /** No context descriptor is cached. */
    default void contextMissed(int streamId, int index) {}

    /** The descriptor was read, and may be kept. */
    default void contextFilled(int streamId, int index, long target) {}

    /** The descriptor came from the cache. */
    default void contextHit(int streamId, int index) {}

    /** A translation, or a table if {@code table}, came from a TLB; {@code shift} is the log2 of what it covers. */
    default void hit(
            boolean table, Regime regime, int vmid, Granule granule, int level, int asid, long first, int shift) {}

    /** No translation, or no table if {@code table}, is in a TLB. */
    default void missed(boolean table, Regime regime, int vmid, Granule granule, int asid, long address) {}

    /**
     * A translation, or a table if {@code table}, was read, and may be kept.
     *
     * @param words how many words since the walk began it comes from
     */
    default void filled(
            boolean table,
            Regime regime,
            int vmid,
            Granule granule,
            int level,
            int asid,
            long address,
            int shift,
            long target,
            int words) {}

    /** A device was given a translation of a page of 2^shift bytes. */
    default void deviceFilled(int streamId, int substream, long address, int shift, long target) {}
}
