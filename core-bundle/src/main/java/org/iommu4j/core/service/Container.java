package org.iommu4j.core.service;

import java.util.List;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.Mapping;
import org.osgi.annotation.versioning.ProviderType;

/**
 * One client's domain. Requests are carried out in the order in which they arrive; a request has been carried out when its
 * call returns. May be called from several threads; each passes its own {@link Completion}.
 *
 * <p>Besides the rules of the contract: {@code ENODEV} if no backend served in time, {@code EBUSY} if too many requests
 * wait, {@code ETIMEDOUT} if another call did not come out of the chip, {@code EIO} if the backend failed, {@code ESTALE} if
 * the container is closed or its bindings were lost with a backend that crashed, and rule V30 if the agreement ended.
 */
@ProviderType
public interface Container extends AutoCloseable {
    /** The domain number, unique within the unit. */
    int id();

    /** The agreement under which requests are read; it may change at a swap. */
    Agreement agreement();

    /** The devices in it. */
    List<Integer> devices();

    /** Adds a device; it stays blocked until something is bound. */
    int attach(int requester, Completion completion);

    /** Adds a device that translates through a table at {@code table}. */
    int attach(int requester, long table, int levels, Completion completion);

    /** Removes a device. */
    int detach(int requester, Completion completion);

    /** The memory that is mapped, in the order of guest-physical addresses; empty if it translates one to one. */
    default List<Mapping> memoryMap() {
        return List.of();
    }

    /**
     * One request of wire form 1, or a map or unmap of its memory.
     *
     * @param request ioctl number
     * @param bytes memory that holds the argument; an unmap stores there how many bytes it unmapped
     * @param offset where it begins
     * @param readable bytes that can be read from there
     * @return 0 or a negative errno, as the completion says
     */
    int ioctl(long request, byte[] bytes, int offset, int readable, Completion completion);

    /**
     * One request of wire form 1 in an image of its own, whatever the client declared: as a 32-bit process makes it on the
     * file that a 64-bit one opened.
     *
     * @param image in which the argument is written
     * @param request ioctl number
     * @param bytes memory that holds the argument
     * @param offset where it begins
     * @param readable bytes that can be read from there
     * @return 0 or a negative errno, as the completion says
     */
    int ioctl(Abi image, long request, byte[] bytes, int offset, int readable, Completion completion);

    /**
     * Several invalidations with one completion wait: cheaper than one by one, with the same effect. Each request is
     * checked and answered on its own; a refused one does not hold back the others.
     *
     * @return how many were carried out
     */
    int submit(RequestBatch batch);

    /**
     * Takes the page requests of the container's devices that wait, the oldest first; each is taken once. A group whose last request was
     * taken is to be answered by {@link #respond}.
     *
     * @param taken gets them
     * @return 0 or a negative errno, as the completion says: {@code EOPNOTSUPP} where there are none
     */
    default int takePageRequests(List<PageRequest> taken, Completion completion) {
        return completion.begin().fail(Errno.EOPNOTSUPP, "the container takes no page requests");
    }

    /**
     * Answers a group of page requests: exactly once, after its pages are there or it is clear that they will not be.
     *
     * @param last the last request of the group, as it was taken
     * @return 0 or a negative errno, as the completion says: {@code ENOENT} if no such group waits for an answer
     */
    default int respond(PageRequest last, PageResponse response, Completion completion) {
        return completion.begin().fail(Errno.EOPNOTSUPP, "the container takes no page requests");
    }

    /** Counters of requests since the container was opened. */
    ContainerCounters counters();

    /** As {@link #close(Completion)}, without an answer. */
    @Override
    void close();

    /**
     * Closes the domain. From this call on requests are refused with {@code ESTALE} and the devices are blocked, whatever the
     * answer is.
     *
     * @return 0 if the domain is closed. Else the closing is carried out before anything else gets to the chip, by whoever is
     *     inside the unit next, or by a swap; called again, this tells whether it has been: {@code ETIMEDOUT} if another call
     *     did not come out of the unit in time, {@code ENODEV} if no backend serves, {@code EBUSY} from inside a call of the
     *     unit. {@code EIO} if the chip could not close it: then it stays blocked for good
     */
    default int close(Completion completion) {
        close();
        return completion.begin().done(Fidelity.EXACT);
    }
}
