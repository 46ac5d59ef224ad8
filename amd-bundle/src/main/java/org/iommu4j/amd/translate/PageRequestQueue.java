package org.iommu4j.amd.translate;

import java.util.function.Consumer;
import java.util.function.IntPredicate;
import java.util.function.ToIntFunction;
import org.iommu4j.amd.command.AmdViRegisters.AutoResponse;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.Efr;
import org.iommu4j.amd.command.AmdViRegisters.Ring;
import org.iommu4j.amd.command.AmdViRegisters.Rings;
import org.iommu4j.amd.command.AmdViRegisters.Status;
import org.iommu4j.amd.command.PageServiceRequest;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.contract.Errno;
import org.iommu4j.driver.page.PageRequestBooks;
import org.iommu4j.driver.page.PageRequestPort;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The chip's PPR log, one page, and COMPLETE_PPR_REQUEST, 48882 2.6 and 2.4.7. It is switched on with the first bind that wants it. While
 * it has no room the chip answers with success if it can (PPRAutoRspSup); else it loses requests, and the device's own limit ends their
 * groups. Device table entries say who may ask if the chip looks there (EPHSup); of PASIDs the driver alone knows.
 */
final class PageRequestQueue implements PageRequestPort {
    private static final String SECTION = "page request queue";
    private static final Ring LOG = Rings.PPR_LOG;

    /** Size of a log of the least length, one page. */
    private static final int LOG_BYTES = PageServiceRequest.BYTES << Rings.LEAST_LENGTH;

    private final ChipPort chip;
    private final NativePort port;
    private final Platform platform;
    private final PhysicalMemory memory;
    private final QueueCommands commands;
    private final ToIntFunction<PageRequest> owners;
    private final PageRequestBooks books = new PageRequestBooks(this);

    /** The chip's log; 0 while it is off. */
    private long log;

    /**
     * A log that is off.
     *
     * @param owners as {@link PageRequestPort#ownerOf}
     */
    PageRequestQueue(ChipPort chip, QueueCommands commands, ToIntFunction<PageRequest> owners) {
        this.chip = chip;
        this.commands = commands;
        this.owners = owners;
        port = chip.port();
        platform = port.platform();
        memory = platform.memory();
    }

    /** Books of the page requests that wait for guests, and for their answers. */
    PageRequestBooks books() {
        return books;
    }

    /**
     * Switches the log on, empty, unless it is on.
     *
     * @throws BackendException {@code ENOMEM} without a page for it, {@code EIO} if it does not run
     */
    void start() {
        if (log != 0) {
            return;
        }
        long page = platform.allocatePages(1);
        port.write(LOG.base(), Rings.BASE_ADDRESS.of(page) | Rings.LENGTH.of(Rings.LEAST_LENGTH));
        if (Efr.PPR_AUTO_RSP_SUP.isSet(chip.unit().efr())) {
            port.write(AutoResponse.REGISTER, 0);
            chip.control(Control.PPR_AUTO_RSP_EN, true);
        }
        if (chip.hasPageRequestPermission()) {
            chip.control(Control.EPH_EN, true);
        }
        chip.control(Control.PPR_EN, true);
        chip.control(Control.PPR_LOG_EN, true);
        if (!Status.PPR_LOG_RUN.isSet(port.read(Status.REGISTER))) {
            chip.control(Control.PPR_EN, false);
            chip.control(Control.PPR_LOG_EN, false);
            platform.freePages(page, 1);
            throw new BackendException(Errno.EIO, "the PPR log does not run");
        }
        log = page;
    }

    @Override
    public boolean read(Consumer<PageRequest> sink) {
        if (log == 0) {
            return false;
        }
        boolean full = Status.PPR_OVERFLOW.isSet(port.read(Status.REGISTER));
        long tail = port.read(LOG.tail());
        for (long head = port.read(LOG.head()); head != tail; head = (head + PageServiceRequest.BYTES) % LOG_BYTES) {
            sink.accept(PageServiceRequest.decode(
                    memory.readLongLe(log + head), memory.readLongLe(log + head + Long.BYTES)));
        }
        port.write(LOG.head(), tail);
        port.write(Status.REGISTER, Status.PPR_INT.mask());
        if (full) {
            chip.control(Control.PPR_LOG_EN, false);
            port.write(Status.REGISTER, Status.PPR_OVERFLOW.mask());
            chip.control(Control.PPR_LOG_EN, true);
        }
        return full;
    }

    @Override
    public int ownerOf(PageRequest request) {
        return owners.applyAsInt(request);
    }

    @Override
    public void answer(PageRequest last, PageResponse response) {
        commands.pageResponse(last, response);
    }

    @Override
    public Errno finish() {
        return commands.finish();
    }

    // ---- state

    /** Writes the log and what waits, if it is on: long log; then as {@link PageRequestBooks#save}. */
    void save(SnapshotWriter out) {
        if (log != 0) {
            out.section(SECTION).putLong(log);
            books.save(out);
        }
    }

    /** Reads what {@link #save} wrote, if it did. */
    void load(IntPredicate isOpen, SnapshotReader in) {
        if (in.has(SECTION)) {
            in.section(SECTION);
            log = in.getPage(SECTION);
            in.endSection();
            books.load(isOpen, in);
        }
    }
}
