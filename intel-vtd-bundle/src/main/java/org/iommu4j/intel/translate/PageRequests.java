package org.iommu4j.intel.translate;

import java.util.Iterator;
import java.util.List;
import java.util.function.IntFunction;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.contract.Errno;
import org.iommu4j.driver.range.RangeCover;
import org.iommu4j.intel.command.PageRequestRecord;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.PageRequestPlace;
import org.iommu4j.intel.command.VtdRegisters.PageRequestStatus;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * Page requests of devices, VT-d 7.4 to 7.11: the chip's queue of one page is emptied when somebody asks for requests, or when a
 * binding ends. Every group whose last request was read is answered exactly once, by the guest or, when its binding ends, as
 * invalid. The chip raises no interrupt: its event stays masked.
 */
final class PageRequests {
    private static final String QUEUE = "page request queue";
    private static final String WAITING = "page requests";
    private static final int MOST_DOMAINS = 1 << 16;

    /** Most groups that a guest may leave without an answer; beyond, the driver answers as a chip whose queue is full. */
    private static final int MOST_OPEN = 1 << 12;

    /** Most requests that wait in a domain; beyond, the driver answers as a chip whose queue is full. */
    private static final int MOST_WAITING = 1024;

    /** Size of a queue of one page, PQS 0. */
    private static final int QUEUE_BYTES = 4096;

    /** Times that a drain is begun anew because the queue was full meanwhile. */
    private static final int MOST_DRAINS = 4;

    private final NativePort port;
    private final PhysicalMemory memory;
    private final QueueCommands commands;
    private final long queue;

    /** Finds the domain of a device; null for none. */
    private final IntFunction<Domain> owners;

    /** A queue in the page at {@code queue}; {@link #start} gives it to the chip. */
    PageRequests(ChipPort chip, QueueCommands commands, long queue, IntFunction<Domain> owners) {
        port = chip.port();
        memory = chip.memory();
        this.commands = commands;
        this.queue = queue;
        this.owners = owners;
    }

    /** True if requests of devices are taken on a chip. */
    static boolean areThere(ChipPort chip) {
        return chip.isScalable() && Ecap.PRS.isSet(chip.ecap());
    }

    /** Gives the chip a queue, empty. */
    static void start(NativePort port, long queue) {
        port.write(PageRequestPlace.HEAD, 0);
        port.write(PageRequestPlace.TAIL, 0);
        port.write(PageRequestPlace.ADDRESS, PageRequestPlace.QA.of(queue));
        port.write(PageRequestStatus.REGISTER, PageRequestStatus.PPR.mask() | PageRequestStatus.PRO.mask());
    }

    /**
     * Empties the chip's queue into the domains of the devices.
     *
     * @return true if the queue had been full, so that the chip has answered other requests itself
     */
    private boolean read() {
        port.write(PageRequestStatus.REGISTER, PageRequestStatus.PPR.mask());
        boolean full = PageRequestStatus.PRO.isSet(port.read(PageRequestStatus.REGISTER));
        long tail = PageRequestPlace.QT.get(port.read(PageRequestPlace.TAIL));
        long head = PageRequestPlace.QH.get(port.read(PageRequestPlace.HEAD));
        while (head != tail) {
            accept(PageRequestRecord.decode(
                    memory.readLongLe(queue + head), memory.readLongLe(queue + head + Long.BYTES)));
            head = (head + PageRequestRecord.BYTES) % QUEUE_BYTES;
        }
        port.write(PageRequestPlace.HEAD, PageRequestPlace.QH.of(head));
        if (full) {
            port.write(PageRequestStatus.REGISTER, PageRequestStatus.PRO.mask());
        }
        return full;
    }

    private void accept(PageRequest request) {
        Domain domain = owners.apply(request.requester());
        if (domain == null) {
            answer(request, PageResponse.INVALID);
        } else if (domain.pageRequests().size() == MOST_WAITING
                || domain.openGroups().size() > MOST_OPEN - MOST_WAITING) {
            answer(request, PageResponse.SUCCESS);
        } else {
            domain.pageRequests().add(request);
        }
    }

    /** Gives the requests of a domain to its guest, the oldest first. */
    void take(Domain domain, List<PageRequest> taken) {
        read();
        for (PageRequest request : domain.pageRequests()) {
            taken.add(request);
            if (request.wantsAnswer()) {
                domain.openGroups().add(request);
            }
        }
        domain.pageRequests().clear();
    }

    /** Answers a group that waits for it; false if none does. */
    boolean respond(Domain domain, PageRequest last, PageResponse response) {
        for (Iterator<PageRequest> open = domain.openGroups().iterator(); open.hasNext(); ) {
            PageRequest group = open.next();
            if (group.isOfGroup(last)) {
                open.remove();
                answer(group, response);
                return true;
            }
        }
        return false;
    }

    /**
     * The binding of a device, or of one PASID of it, has ended: its requests are drained, VT-d 7.10 a to d, and groups that wait are
     * invalid.
     *
     * @param domainId that the binding had
     * @param pasid or {@link Device#EVERY_PASID}
     * @return as {@link CommandPath#finish}
     */
    Errno end(Domain domain, int domainId, int requester, int pasid) {
        for (int drain = 0; drain < MOST_DRAINS; drain++) {
            commands.fence();
            commands.iotlbDomain(domainId);
            commands.deviceTlb(requester, 0, RangeCover.WHOLE_SPACE_ORDER);
            commands.drainPageRequests();
            Errno drained = commands.finish();
            boolean full = read();
            if (drained != Errno.OK) {
                return drained;
            }
            if (!full) {
                break;
            }
        }
        forget(domain.pageRequests(), requester, pasid);
        forget(domain.openGroups(), requester, pasid);
        return commands.finish();
    }

    private void forget(List<PageRequest> requests, int requester, int pasid) {
        requests.removeIf(request -> {
            boolean gone = request.requester() == requester
                    && (pasid == Device.EVERY_PASID || pasid == Device.pasidOf(request));
            if (gone) {
                answer(request, PageResponse.INVALID);
            }
            return gone;
        });
    }

    private void answer(PageRequest request, PageResponse response) {
        if (request.wantsAnswer()) {
            commands.pageGroupResponse(request, response);
        }
    }

    // ---- state

    /** Writes what waits: see the package's description. */
    void save(List<Domain> domains, SnapshotWriter out) {
        out.section(QUEUE).putLong(queue);
        out.section(WAITING).putInt(domains.size());
        for (Domain domain : domains) {
            out.putInt(domain.members().number());
            put(domain.pageRequests(), out);
            put(domain.openGroups(), out);
        }
    }

    private static void put(List<PageRequest> requests, SnapshotWriter out) {
        out.putInt(requests.size());
        for (PageRequest request : requests) {
            long[] words = PageRequestRecord.encode(request);
            out.putLong(words[0]).putLong(words[1]);
        }
    }

    /** Reads where the queue is. */
    static long loadQueue(SnapshotReader in) {
        in.section(QUEUE);
        long page = in.getPage("page request queue");
        in.endSection();
        return page;
    }

    /** Reads what waits, into domains that have been read. */
    void load(IntFunction<Domain> domains, SnapshotReader in) {
        in.section(WAITING);
        int count = in.getCount(MOST_DOMAINS);
        for (int i = 0; i < count; i++) {
            int number = in.getInt();
            Domain domain = domains.apply(number);
            if (domain == null) {
                throw in.invalid("page requests of domain " + number + ", which is not open");
            }
            take(domain.pageRequests(), in);
            take(domain.openGroups(), in);
        }
        in.endSection();
    }

    private static void take(List<PageRequest> requests, SnapshotReader in) {
        int count = in.getCount(MOST_OPEN);
        for (int i = 0; i < count; i++) {
            requests.add(PageRequestRecord.decode(in.getLong(), in.getLong()));
        }
    }
}
