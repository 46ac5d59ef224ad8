package org.iommu4j.simulation.guest;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageRequest.Outcome;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.contract.Errno;

/** Page requests of a guest's devices on their way through a virtual unit, whose queue is a vendor's. */
public final class GuestPageRequests {
    private GuestPageRequests() {}

    /**
     * Takes what waits for a guest's domain, and answers what the virtual unit answers by itself.
     *
     * @param unit puts a request into the guest's queue, as a chip does with one of a device that may ask
     * @param automatic the unit's answer to what its queue has no room for; to what it does not take at all it is a failure
     */
    public static void take(
            int guestDomain,
            Function<PageRequest, Outcome> unit,
            Supplier<PageResponse> automatic,
            GuestRequests sink) {
        List<PageRequest> taken = new ArrayList<>();
        sink.takePageRequests(guestDomain, taken);
        for (PageRequest request : taken) {
            Outcome outcome = unit.apply(request);
            if (outcome == Outcome.ANSWERED) {
                sink.respond(guestDomain, request, automatic.get());
            } else if (outcome == Outcome.INVALID) {
                sink.respond(guestDomain, request, PageResponse.FAILURE);
            }
        }
    }

    /**
     * Passes a guest's answer on.
     *
     * @param pasid of the answer, or {@link org.iommu4j.backend.DmaAccess#NO_PASID}
     * @return false if the host did not carry it out; an answer that nobody waits for does nothing
     */
    public static boolean answer(
            int guestDomain, int requester, int pasid, int group, PageResponse response, GuestRequests sink) {
        PageRequest last = new PageRequest(requester, pasid, 0, false, false, false, false, true, group);
        int code = sink.respond(guestDomain, last, response);
        return code != Errno.EIO.code() && code != Errno.ETIMEDOUT.code();
    }
}
