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
}
