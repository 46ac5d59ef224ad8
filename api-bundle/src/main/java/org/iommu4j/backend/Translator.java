package org.iommu4j.backend;

import java.util.List;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Mapping;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * The driver of one chip: turns checked contract requests into native commands. It owns the host's tables and domain ids;
 * a guest names domains only by the container that it speaks through.
 *
 * <p>Every method returns 0 or a negative errno and fills {@code completion} with the same; a refused request has written
 * nothing. Methods that a request runs through allocate nothing unless they refuse.
 *
 * <p>Before it calls {@link #bind} or {@link #invalidate} the core has checked V1 to V22, V28 to V33 and V37: the length of the
 * vendor part is one of its generation, an operation has a format, no flag is unknown, and a range is aligned and does not wrap. Of
 * a bind it has also checked that its vendor part has no reserved bit and no reserved code for the generation (V34, apart from
 * fields that a capability of the chip gates), and that its table is in no page of the host (V36). A translator does not check this
 * again. It checks what depends on the chip, on what is attached and bound, and of an invalidation the whole vendor part: V34, then
 * V36, then V35; and V24, that the chip can select what is asked. It refuses with the field itself, so that name, place and value
 * come along: {@link Completion#refuse(org.iommu4j.contract.Rule, org.iommu4j.contract.Errno, org.iommu4j.layout.Layout,
 * org.iommu4j.layout.BitField, long, String)} for a field of the vendor part, {@link InvalidateRequest#refuse} and {@link
 * BindRequest#refuse} for one of the contract.
 */
@ConsumerType
public interface Translator {
    /** Answer of {@link #invalidate}: not done yet, and nothing is wrong; it is to be called again. */
    int UNFINISHED = 1;

    /** The generation of payloads that it reads, and of the chip that it drives. */
    int subVersion();

    /**
     * Opens an empty domain: devices in it are blocked until something is bound.
     *
     * @param domain the container's number, 0 to 65535, chosen by the core
     */
    int openDomain(int domain, Completion completion);

    /** Closes a domain: its devices are blocked, everything cached for it is dropped, its ids are free. */
    int closeDomain(int domain, Completion completion);

    /**
     * Adds a device to a domain.
     *
     * @param requester requester id, stream ID, LIOBN or function handle
     * @param table physical address of the root of a translation table for the device, or -1 to leave it blocked
     * @param levels of that table
     */
    int attach(int domain, int requester, long table, int levels, Completion completion);

    /** Removes a device from a domain: it is blocked and everything cached for it is dropped. */
    int detach(int domain, int requester, Completion completion);

    /**
     * Binds or unbinds what the request says, for a device of the domain. On return the change is done and nothing old is
     * cached.
     */
    int bind(int domain, BindRequest request, Completion completion);

    /**
     * Writes the commands of an invalidation; {@link #finish} completes them. Fills in the fidelity.
     *
     * <p>While it is inside, everybody else of the chip waits. So a request that takes long, more than about 100
     * microseconds, is carried out in pieces: the method does one, notes in {@link InvalidateRequest#progress(long)} how far
     * it has come, and answers {@link #UNFINISHED}; it is then called again with the same request and that progress. Between
     * two pieces come {@link #finish}, calls for other clients, and perhaps a swap: then the next piece goes to the new
     * backend. A translator that does not look at the progress does the request in full. Everything is checked before the
     * first piece; a widening is said with every piece.
     */
    int invalidate(int domain, InvalidateRequest request, Completion completion);

    /**
     * Completes every command written so far: on return the chip has done them all.
     *
     * @return {@code -EIO} if the chip reports an error; it has been cleared, and nothing unfinished is left in the queue
     */
    int finish(Completion completion);

    /** The memory maps that it can carry out with the chip that it drives; the same answer every time. */
    default MemoryMapSupport memoryMap() {
        return MemoryMapSupport.NONE;
    }

    /**
     * Gives a domain an empty memory map, for as long as it is open: whatever is bound in it from now on has guest-physical
     * addresses, roots and tables included, which the map translates as the second stage of a nested walk. What is not mapped is a
     * fault, and nothing passes one to one. The core has checked that {@link #memoryMap} is there, that nothing is bound, and that no
     * device has a table.
     *
     * @return 0 or a negative errno, {@code ENOMEM} if there are no pages for tables
     */
    default int beginMap(int domain, Completion completion) {
        return completion.fail(Errno.EOPNOTSUPP, "the backend takes no memory maps");
    }

    /**
     * Adds a mapping to the map of a domain; on return it is in force. The core has checked that {@link #memoryMap} takes it, that
     * nothing in its range is mapped, and that the target is memory and not the host's. A long mapping comes in pieces, in
     * the order of their addresses, each of them a mapping by itself: it takes at most some 1500 pages of the sizes 4 KiB, 2 MiB and
     * 1 GiB.
     *
     * @return 0 or a negative errno, {@code ENOMEM} if there are no pages for tables; then nothing has changed
     */
    default int map(int domain, Mapping mapping, Completion completion) {
        return completion.fail(Errno.EOPNOTSUPP, "the backend takes no memory maps");
    }

    /**
     * Removes what is mapped in a range. Nothing that {@link #map} was given crosses its ends; there may be gaps, or nothing at all. On
     * return nothing translates through what was removed and nothing of it is cached: in the chip, under whichever tables of
     * guests, and in devices.
     *
     * @param first guest-physical address of the first byte
     * @param last guest-physical address of the last byte
     * @return 0 or a negative errno; after {@code EIO} nothing is mapped there, but something may be cached until it is unmapped again
     */
    default int unmap(int domain, long first, long last, Completion completion) {
        return completion.fail(Errno.EOPNOTSUPP, "the backend takes no memory maps");
    }

    /**
     * Takes the page requests of the domain's devices that wait, the oldest first. Each is taken once; a group whose last request was
     * taken has to be answered by {@link #respond}. Unbinding answers what is left with {@link PageResponse#INVALID}.
     *
     * @param taken gets them
     * @return 0 or a negative errno, as the completion says: {@code EOPNOTSUPP} where there are none, {@code ENOENT} if the domain is
     *     not open
     */
    default int takePageRequests(int domain, List<PageRequest> taken, Completion completion) {
        return completion.fail(Errno.EOPNOTSUPP, "the backend takes no page requests");
    }

    /**
     * Answers a group of page requests.
     *
     * @param last the last request of the group, as it was taken
     * @return 0 or a negative errno, as the completion says: {@code ENOENT} if no such group waits for an answer, {@code EOPNOTSUPP}
     *     where there are no page requests
     */
    default int respond(int domain, PageRequest last, PageResponse response, Completion completion) {
        return completion.fail(Errno.EOPNOTSUPP, "the backend takes no page requests");
    }

    /** Host tables, domain ids, bindings and memory maps. */
    Snapshot save();

    /** Shows each native command as it is written, in bytes of memory order; null for nobody. */
    void tap(NativeCommandListener listener);
}
