package org.iommu4j.backend;

/** The device side of address translation services: where a chip's device-TLB invalidation requests go. */
@FunctionalInterface
public interface DevicePort {
    /** A device that answers at once and never misses an invalidation. */
    DevicePort COMPLETING = (requester, pasid, iova, lengthBytes) -> true;

    /**
     * Asks a device to drop translations; returns when it has finished every request that used them.
     *
     * @param requester requester id or stream ID
     * @param pasid the PASID, or -1 for requests without one
     * @param iova first address of the range
     * @param lengthBytes length of the range; 0 for the whole address space
     * @return false if the device did not answer in time
     */
    boolean invalidate(int requester, int pasid, long iova, long lengthBytes);

    /**
     * Tells a device the answer to a group of its page requests. A device that knows no such group does nothing.
     *
     * @param pasid of the requests, or -1
     * @param group index of the group
     */
    default void respond(int requester, int pasid, int group, PageResponse response) {
        // Devices without page requests have nothing to be told.
    }
}
