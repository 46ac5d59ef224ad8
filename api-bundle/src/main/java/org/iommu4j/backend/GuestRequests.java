package org.iommu4j.backend;

import java.util.List;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.osgi.annotation.versioning.ConsumerType;

/** Receives a guest decoder's requests: the contract as bytes. */
@ConsumerType
public interface GuestRequests {
    /**
     * Sends one request for the container that serves a guest's domain.
     *
     * @param guestDomain the guest's own domain id, which names a container; -1 for all containers of the guest, one after
     *     the other
     * @param bytes a request of wire form 1, LP64 little endian
     * @return the completion, valid until the next call
     */
    Completion request(int guestDomain, byte[] bytes);

    /** Counts a guest command that needs no request: it is carried out by the virtual IOMMU itself. */
    void handled(String why);

    /** Counts a guest command that is refused. */
    void refused(String reason);

    /**
     * Makes a device a member of the container that serves a guest's domain; it leaves the one that it was in. It stays
     * blocked until it is bound.
     *
     * @param guestDomain the guest's own domain id, or -1 to leave only
     */
    void move(int requester, int guestDomain);

    /**
     * Takes the page requests that wait in the container that serves a guest's domain, the oldest first, each once. A group whose last
     * request was taken is to be answered by {@link #respond}.
     *
     * @param taken gets them
     * @return 0 or a negative errno: {@code EOPNOTSUPP} where there are none
     */
    default int takePageRequests(int guestDomain, List<PageRequest> taken) {
        return Errno.EOPNOTSUPP.code();
    }

    /**
     * Answers a group of page requests.
     *
     * @param last the last request of the group; its device, PASID and group count
     * @return 0 or a negative errno: {@code ENOENT} if no such group waits for an answer
     */
    default int respond(int guestDomain, PageRequest last, PageResponse response) {
        return Errno.EOPNOTSUPP.code();
    }
}
