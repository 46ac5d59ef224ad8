package org.iommu4j.arm.translate;

import java.util.function.Consumer;
import java.util.function.IntPredicate;
import java.util.function.ToIntFunction;
import org.iommu4j.arm.command.PageRequestEntry;
import org.iommu4j.arm.command.SmmuRegisters.Cr0;
import org.iommu4j.arm.command.SmmuRegisters.Idr1;
import org.iommu4j.arm.command.SmmuRegisters.Queue;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.contract.Errno;
import org.iommu4j.driver.page.PageRequestBooks;
import org.iommu4j.driver.page.PageRequestPort;
import org.iommu4j.layout.Register;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The chip's queue of page requests, one page, and CMD_PRI_RESP, IHI 0070 8 and 4.5.2. It is switched on with the first bind that wants
 * it. The chip lets every device ask, so that the driver knows who may.
 */
final class PageRequestQueue implements PageRequestPort {
    private static final String SECTION = "page request queue";

    /** log2 of the entries of a page. */
    private static final int LOG2_OF_PAGE = 8;

    private static final Queue REGISTERS = Queue.PAGE_REQUESTS;

    private final ChipPort chip;
    private final NativePort port;
    private final Platform platform;
    private final PhysicalMemory memory;
    private final QueueCommands commands;
    private final ToIntFunction<PageRequest> owners;

    /** log2 of the entries. */
    private final int log2Size;

    private final PageRequestBooks books = new PageRequestBooks(this);

    /** The chip's queue; 0 while it is off. */
    private long queue;

    /** True if the positions are in page 0 alone, E11 of docs/spec/arm-smmu.md 7. */
    private boolean onePage;

    /**
     * A queue that is off.
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
        log2Size = Math.min(LOG2_OF_PAGE, Idr1.PRIQS.getInt(chip.capabilities().idr1()));
    }

    /** Books of the page requests that wait for guests, and for their answers. */
    PageRequestBooks books() {
        return books;
    }

    /**
     * Switches the queue on, empty, unless it is on.
     *
     * @throws org.iommu4j.backend.BackendException {@code ENOMEM} without a page for it, {@code EIO} if the chip does not answer
     */
    void start() {
        if (queue != 0) {
            return;
        }
        long page = platform.allocatePages(1);
        try {
            port.write(
                    REGISTERS.baseRegister(),
                    REGISTERS.address().of(page) | REGISTERS.log2Size().of(log2Size));
            chip.writePosition(REGISTERS.producer(), 1);
            onePage = REGISTERS.write().get(port.read(REGISTERS.producer())) != 1;
            chip.writePosition(REGISTERS.producer(), 0);
            chip.writePosition(REGISTERS.consumer(), 0);
            chip.enable(Cr0.PRIQEN, true);
            queue = page;
        } finally {
            if (queue == 0) {
                platform.freePages(page, 1);
            }
        }
    }

    @Override
    public boolean read(Consumer<PageRequest> sink) {
        if (queue == 0) {
            return false;
        }
        long entries = 1L << log2Size;
        long laps = 2 * entries - 1;
        long produced = position(REGISTERS.producer());
        long consumed = position(REGISTERS.consumer());
        boolean full =
                REGISTERS.overflow().isSet(produced) != REGISTERS.overflowSeen().isSet(consumed);
        long tail = REGISTERS.write().get(produced) & laps;
        for (long head = REGISTERS.read().get(consumed) & laps; head != tail; head = (head + 1) & laps) {
            long at = queue + (head & (entries - 1)) * PageRequestEntry.BYTES;
            sink.accept(PageRequestEntry.decode(memory.readLongLe(at), memory.readLongLe(at + Long.BYTES)));
        }
        long seen =
                REGISTERS.overflow().isSet(produced) ? REGISTERS.overflowSeen().mask() : 0;
        chip.writePosition(REGISTERS.consumer(), (int) (REGISTERS.read().of(tail) | seen));
        return full;
    }

    private long position(Register position) {
        return onePage
                ? port.readRegister(position.offset() - Queue.PAGE_1, position.widthBytes())
                : port.read(position);
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

    /** Writes the queue and what waits, if it is on: long queue, boolean positions in page 0; then as {@link PageRequestBooks#save}. */
    void save(SnapshotWriter out) {
        if (queue != 0) {
            out.section(SECTION).putLong(queue).putBoolean(onePage);
            books.save(out);
        }
    }

    /** Reads what {@link #save} wrote, if it did. */
    void load(IntPredicate isOpen, SnapshotReader in) {
        if (in.has(SECTION)) {
            in.section(SECTION);
            queue = in.getPage(SECTION);
            onePage = in.getBoolean();
            in.endSection();
            books.load(isOpen, in);
        }
    }
}
