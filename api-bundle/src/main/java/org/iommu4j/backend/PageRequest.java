package org.iommu4j.backend;

import org.iommu4j.contract.Errno;

/**
 * A device asks software for a page that its translation does not lead to, PCI Express Page Request Interface.
 *
 * @param requester requester id
 * @param pasid the PASID, 20 bits, or {@link DmaAccess#NO_PASID}
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
    private static final int PASID_BITS = 20;
    private static final int GROUP_BITS = 9;

    /**
     * Checks the fields that a message of PCI Express has no room for otherwise.
     *
     * @throws BackendException {@code EINVAL} for a PASID or a group beyond its bits
     */
    public PageRequest {
        if (pasid != DmaAccess.NO_PASID && pasid >>> PASID_BITS != 0) {
            throw new BackendException(
                    Errno.EINVAL, "pasid=" + pasid + " of a page request exceeds " + PASID_BITS + " bits");
        }
        if (group >>> GROUP_BITS != 0) {
            throw new BackendException(
                    Errno.EINVAL, "group=" + group + " of a page request exceeds " + GROUP_BITS + " bits");
        }
    }

    /** The outcome of a request. */
    public enum Outcome {
        /** It is in the queue, software answers. */
        QUEUED,
        /** There is no room; the chip answers with success, so that the device tries again. */
        ANSWERED,
        /** The device may not ask; the chip answers so. */
        INVALID,
        /** Nobody answers: the group goes on, or it was a stop marker. */
        DROPPED
    }

    /** True if it asks for nothing: the device stops using its PASID, and wants no answer. */
    public boolean isStopMarker() {
        return last && !read && !write;
    }

    /** True if its group is answered once it has been dealt with. */
    public boolean wantsAnswer() {
        return last && !isStopMarker();
    }

    /** The outcome if the chip answers it itself. */
    public Outcome answered(Outcome answer) {
        return wantsAnswer() ? answer : Outcome.DROPPED;
    }

    /** True if two requests are of one group: of one device and PASID, with one index. */
    public boolean isOfGroup(PageRequest other) {
        return requester == other.requester && pasid == other.pasid && group == other.group;
    }
}
