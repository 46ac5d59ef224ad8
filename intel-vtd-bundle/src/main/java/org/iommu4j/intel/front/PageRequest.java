package org.iommu4j.intel.front;

/**
 * A device asks software for a page, VT-d 7.4.
 *
 * @param requester source id
 * @param pasid the PASID, or -1
 * @param address of the page, and anywhere in it
 * @param read it wants to read
 * @param write it wants to write
 * @param execute it wants to execute, with PASID only
 * @param privileged it asks as a supervisor, with PASID only
 * @param last it is the last of its group, which is to be answered
 * @param group index of the group, 9 bits
 */
public record PageRequest(
        int requester,
        int pasid,
        long address,
        boolean read,
        boolean write,
        boolean execute,
        boolean privileged,
        boolean last,
        int group) {

    /** The outcome of a request. */
    public enum Outcome {
        /** It is in the queue, software answers. */
        QUEUED,
        /** There is no room; the unit answers with success, so that the device tries again. */
        ANSWERED,
        /** The device may not ask; the unit answers so. */
        INVALID,
        /** Nobody answers: the group goes on, or it was a stop marker. */
        DROPPED
    }

    /** True if it asks for nothing: the device stops using its PASID, and wants no answer. */
    boolean isStopMarker() {
        return last && !read && !write;
    }

    /** The outcome if the unit answers it itself. */
    public Outcome answered(Outcome answer) {
        return last && !isStopMarker() ? answer : Outcome.DROPPED;
    }
}
