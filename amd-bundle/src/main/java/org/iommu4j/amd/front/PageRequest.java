package org.iommu4j.amd.front;

/**
 * A page request of a device, PCIe PRI.
 *
 * @param deviceId who asks
 * @param pasid the PASID, or {@link CommandEffects#NO_PASID}
 * @param address the page
 * @param group page request group index, 9 bits
 * @param last true for the last request of its group
 * @param read true if read is wanted
 * @param write true if write is wanted
 * @param execute true if execute is wanted
 * @param user true for a user request
 */
public record PageRequest(
        int deviceId,
        int pasid,
        long address,
        int group,
        boolean last,
        boolean read,
        boolean write,
        boolean execute,
        boolean user) {
    /** Treatment of a page request by a unit. */
    public enum Outcome {
        /** It stands in the PPR log; software will answer. */
        LOGGED,
        /** There was no room in the log: it is lost. */
        DROPPED,
        /** There was no room, and the unit has answered in place of software. */
        ANSWERED,
        /** The unit does not take page requests: the device gets a failure. */
        FAILED,
        /** The device must not make it: INVALID_PPR_REQUEST. */
        INVALID
    }
}
