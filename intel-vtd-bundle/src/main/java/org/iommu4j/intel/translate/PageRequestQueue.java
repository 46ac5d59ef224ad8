package org.iommu4j.intel.translate;

import java.util.function.Consumer;
import java.util.function.IntFunction;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.contract.Errno;
import org.iommu4j.driver.page.PageRequestBooks;
import org.iommu4j.driver.page.PageRequestPort;
import org.iommu4j.driver.range.RangeCover;
import org.iommu4j.intel.command.PageRequestRecord;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.PageRequestPlace;
import org.iommu4j.intel.command.VtdRegisters.PageRequestStatus;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The chip's queue of page requests, one page, and its page group responses, VT-d 7.4 to 7.11. The chip raises no interrupt: its event
 * stays masked. Who may ask the chip itself knows, from context and PASID entries.
 */
final class PageRequestQueue implements PageRequestPort {
    private static final String SECTION = "page request queue";

    /** Size of a queue of one page, PQS 0. */
    private static final int QUEUE_BYTES = 4096;

    private final NativePort port;
    private final PhysicalMemory memory;
    private final QueueCommands commands;
    private final long queue;

    /** Finds the domain of a device; null for none. */
    private final IntFunction<Domain> owners;

    private final PageRequestBooks books = new PageRequestBooks(this);

    /** A queue in the page at {@code queue}; {@link #start} gives it to the chip. */
    PageRequestQueue(ChipPort chip, QueueCommands commands, long queue, IntFunction<Domain> owners) {
        port = chip.port();
        memory = chip.memory();
        this.commands = commands;
        this.queue = queue;
        this.owners = owners;
    }

    /** True if requests of devices are taken on a chip. */
    static boolean isThere(ChipPort chip) {
        return chip.isScalable() && Ecap.PRS.isSet(chip.ecap());
    }

    /** Gives the chip a queue, empty. */
    static void start(NativePort port, long queue) {
        port.write(PageRequestPlace.HEAD, 0);
        port.write(PageRequestPlace.TAIL, 0);
        port.write(PageRequestPlace.ADDRESS, PageRequestPlace.QA.of(queue));
        port.write(PageRequestStatus.REGISTER, PageRequestStatus.PPR.mask() | PageRequestStatus.PRO.mask());
    }

    /** Books of the page requests that wait for guests, and for their answers. */
    PageRequestBooks books() {
        return books;
    }

    @Override
    public boolean read(Consumer<PageRequest> sink) {
        port.write(PageRequestStatus.REGISTER, PageRequestStatus.PPR.mask());
        boolean full = PageRequestStatus.PRO.isSet(port.read(PageRequestStatus.REGISTER));
        long tail = PageRequestPlace.QT.get(port.read(PageRequestPlace.TAIL));
        long head = PageRequestPlace.QH.get(port.read(PageRequestPlace.HEAD));
        while (head != tail) {
            sink.accept(PageRequestRecord.decode(
                    memory.readLongLe(queue + head), memory.readLongLe(queue + head + Long.BYTES)));
            head = (head + PageRequestRecord.BYTES) % QUEUE_BYTES;
        }
        port.write(PageRequestPlace.HEAD, PageRequestPlace.QH.of(head));
        if (full) {
            port.write(PageRequestStatus.REGISTER, PageRequestStatus.PRO.mask());
        }
        return full;
    }

    @Override
    public int ownerOf(PageRequest request) {
        Domain owner = owners.apply(request.requester());
        return owner == null ? NOBODY : owner.members().number();
    }

    @Override
    public void answer(PageRequest last, PageResponse response) {
        commands.pageGroupResponse(last, response);
    }

    @Override
    public Errno finish() {
        return commands.finish();
    }

    /**
     * The binding of a device, or of one PASID of it, has ended.
     *
     * @param domainId that the binding had
     * @param pasid or {@link Device#EVERY_PASID}
     * @return as {@link CommandPath#finish}
     */
    Errno end(Domain domain, int domainId, int requester, int pasid) {
        return books.end(
                domain.members().number(),
                request -> request.requester() == requester
                        && (pasid == Device.EVERY_PASID || pasid == Device.pasidOf(request)),
                () -> drain(domainId, requester));
    }

    /** Drains what a device has sent, VT-d 7.10 a to c. */
    private Errno drain(int domainId, int requester) {
        commands.fence();
        commands.iotlbDomain(domainId);
        commands.deviceTlb(requester, 0, RangeCover.WHOLE_SPACE_ORDER);
        commands.drainPageRequests();
        return commands.finish();
    }

    /** Writes where it is: see the package's description. */
    void save(SnapshotWriter out) {
        out.section(SECTION).putLong(queue);
    }

    /** Reads where it is. */
    static long load(SnapshotReader in) {
        in.section(SECTION);
        long page = in.getPage(SECTION);
        in.endSection();
        return page;
    }
}
