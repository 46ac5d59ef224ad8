package org.iommu4j.amd.hardware;

import org.iommu4j.amd.table.DeviceEntry;
import org.iommu4j.amd.table.GuestWalker;
import org.iommu4j.amd.table.HostWalker;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.simulation.cache.TranslationCache;

/** What the caches of a unit go through during an access, for somebody who observes. */
interface AccessWatch {
    /** Nobody observes. */
    AccessWatch NOBODY = new AccessWatch() {};

    /** Who is told of the entries that a walk reads: the access's own listener, or one that also tells their layouts. */
    default WalkListener reading(WalkListener listener) {
        return listener;
    }

    /** A device presents an address that it has translated itself. */
    default void presented(int deviceId, int pasid, long address) {}

    /** No entry is cached for a device. */
    default void deviceMissed(int deviceId) {}

    /** The selected entry was read for a device. */
    default void deviceFilled(DeviceEntry entry, int deviceId) {}

    /** The selected entry came from the cache. */
    default void deviceHit(DeviceEntry entry, int deviceId) {}

    /** A page answers. */
    default void pageHit(TranslationCache pages, int entry) {}

    /**
     * No page answers.
     *
     * @param cached the directory where the walk begins, or {@link TranslationCache#MISS}
     */
    default void pageMissed(DeviceEntry device, int pasid, long address, TranslationCache directories, int cached) {}

    /**
     * The GCR3 entry of a PASID is looked for.
     *
     * @param found true if it is cached
     */
    default void gcr3Looked(DeviceEntry device, int pasid, boolean found) {}

    /**
     * A walk of a host table is over.
     *
     * @param kept true if a unit may keep what it found at its last level
     * @param target where the page is; 0 if it is absent
     */
    default void walked(int domain, long address, HostWalker walker, boolean kept, long target) {}

    /** A walk of a guest table is over; as {@link #walked}. */
    default void guestWalked(
            DeviceEntry device, int pasid, long address, GuestWalker walker, boolean kept, long target) {}

    /** A device was given a translation of a page of 2^shift bytes. */
    default void answered(int deviceId, int pasid, long address, int shift, long target) {}
}
