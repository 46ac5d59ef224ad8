package org.iommu4j.amd.translate;

import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.AmdViEvent;
import org.iommu4j.amd.command.AmdViEvents;
import org.iommu4j.amd.command.AmdViEvents.IotlbInvTimeout;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.Efr;
import org.iommu4j.amd.command.AmdViRegisters.Ring;
import org.iommu4j.amd.command.AmdViRegisters.Rings;
import org.iommu4j.amd.command.AmdViRegisters.Status;
import org.iommu4j.amd.command.CompletePprRequest;
import org.iommu4j.amd.command.CompletionWait;
import org.iommu4j.amd.command.InvalidateDevtabEntry;
import org.iommu4j.amd.command.InvalidateIommuAll;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.amd.command.InvalidateIotlbPages;
import org.iommu4j.amd.command.SizeEncoding;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.contract.Errno;
import org.iommu4j.driver.queue.CommandQueue;
import org.iommu4j.driver.queue.CompletionCommand;
import org.iommu4j.driver.queue.QueueControl;
import org.iommu4j.driver.queue.RingFormat;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * Commands through the command buffer, 48882 2.4: a ring of 4,096, completed by a COMPLETION_WAIT that stores a number. A device that
 * does not answer shows in the event log alone, whose entries are looked through without taking them out.
 */
final class QueueCommands {
    /** No PASID: translations of host tables, requests without prefix. */
    static final int NO_PASID = InvalidateIommuPages.NO_PASID;

    private static final int PAGE_BYTES = 4096;

    /** log2 of the entries of the event log: under secure nested paging some parts take no other; docs/spec/amd-vi.md 7 B19. */
    private static final int LOG_LENGTH = Rings.LEAST_LENGTH;

    private static final int SECURE_LOG_LENGTH = 15;

    /** log2 of the entries of the ring: room for what drops everything on a chip without a command for it. */
    private static final int RING_LENGTH = 12;

    /** Pages of the ring and of the status word before it. */
    private static final int RING_PAGES = (1 << RING_LENGTH) * AmdViCommand.BYTES / PAGE_BYTES;

    private static final int STATUS_PAGES = 1;

    /** Most commands that drop everything: less than half of the ring. */
    private static final int MOST_OF_EVERYTHING = (1 << RING_LENGTH) / 2 - 16;

    /** Entries that make room in a log that is full. */
    private static final int ROOM = 16;

    /** Most outstanding invalidations of a device's queue; devices take at least so many. */
    private static final int MAXPEND = 0x20;

    private static final Ring BUFFER = Rings.COMMAND_BUFFER;
    private static final Ring LOG = Rings.EVENT_LOG;
    private static final RingFormat RING =
            new RingFormat(1 << RING_LENGTH, false, BUFFER.head(), Rings.HEAD_OFFSET, BUFFER.tail(), Rings.TAIL_OFFSET);

    private final ChipPort chip;
    private final NativePort port;
    private final PhysicalMemory memory;
    private final long pages;
    private final int logLength;
    private final long logBytes;
    private final long ring;
    private final CommandQueue queue;
    private final boolean hasTypes;

    /** Tail of the event log before devices were asked; -1 if none was asked since the last completion. */
    private long logBefore = -1;

    private Everything everything;

    /** The commands that drop everything the chip may have. */
    interface Everything {
        /** How many they are. */
        int count();

        /** Puts them. */
        void put(QueueControl.Sink sink);
    }

    /** How many pages of the host it takes: event log, status word, ring. */
    static int pages(ChipPort chip) {
        return (AmdViEvents.BYTES << logLength(chip)) / PAGE_BYTES + STATUS_PAGES + RING_PAGES;
    }

    private static int logLength(ChipPort chip) {
        return chip.needsHostTable() ? SECURE_LOG_LENGTH : LOG_LENGTH;
    }

    /** A buffer in so many pages of the host; {@link #start} switches it on. */
    QueueCommands(ChipPort chip, long pages) {
        this.chip = chip;
        this.pages = pages;
        port = chip.port();
        memory = port.platform().memory();
        hasTypes = Efr.INV_IOTLB_TYPE_SUP.isSet(chip.unit().efr());
        logLength = logLength(chip);
        logBytes = (long) AmdViEvents.BYTES << logLength;
        long status = pages + logBytes;
        ring = status + STATUS_PAGES * PAGE_BYTES;
        queue = new CommandQueue(
                port,
                RING,
                new CompletionCommand(CompletionWait.storing(status), 0, CompletionWait.STORE_DATA, status),
                new BufferControl(),
                ring);
    }

    /** Goes on where another stopped. */
    static QueueCommands load(ChipPort chip, SnapshotReader in) {
        QueueCommands commands = new QueueCommands(chip, in.getPage("event log"));
        commands.queue.load(in);
        return commands;
    }

    void save(SnapshotWriter out) {
        queue.save(out.section("queue").putLong(pages));
    }

    /** The commands that drop everything; set once, before the first command. */
    void everything(Everything commands) {
        everything = commands;
    }

    /** The chip's command buffer, 48882 2.4 and 3.4. */
    private final class BufferControl implements QueueControl {
        @Override
        public void start() {
            if (everything.count() > MOST_OF_EVERYTHING) {
                throw new BackendException(
                        Errno.EIO, "too many devices and domains for a chip that cannot drop everything");
            }
            chip.control(Control.CMD_BUF_EN, false);
            port.write(BUFFER.base(), Rings.BASE_ADDRESS.of(ring) | Rings.LENGTH.of(RING_LENGTH));
            chip.control(Control.CMD_BUF_EN, true);
            if (!Status.CMD_BUF_RUN.isSet(port.read(Status.REGISTER))) {
                throw new BackendException(Errno.EIO, "the command buffer does not run");
            }
        }

        @Override
        public void stop() {
            chip.control(Control.CMD_BUF_EN, false);
        }

        @Override
        public Fault fault() {
            return Status.CMD_BUF_RUN.isSet(port.read(Status.REGISTER)) ? Fault.NONE : Fault.WRONG_COMMAND;
        }

        @Override
        public void clearFaults() {
            chip.control(Control.CMD_BUF_EN, false);
            chip.control(Control.CMD_BUF_EN, true);
        }

        @Override
        public void dropEverything(Sink sink) {
            everything.put(sink);
        }
    }

    /** Switches event log and buffer on, both empty; the unit translates already. */
    void start() {
        chip.control(Control.EVENT_LOG_EN, false);
        port.write(LOG.base(), Rings.BASE_ADDRESS.of(pages) | Rings.LENGTH.of(logLength));
        chip.control(Control.EVENT_LOG_EN, true);
        queue.start();
    }

    /** INVALIDATE_DEVTAB_ENTRY. */
    void deviceEntry(int deviceId) {
        queue.put(InvalidateDevtabEntry.word0(deviceId), 0);
    }

    /** True if the chip has a command for everything. */
    boolean hasAll() {
        return Efr.IA_SUP.isSet(chip.unit().efr());
    }

    /** INVALIDATE_IOMMU_ALL. */
    void all() {
        queue.put(InvalidateIommuAll.word0(), 0);
    }

    /**
     * INVALIDATE_IOMMU_PAGES.
     *
     * @param shift log2 of the block, or {@link SizeEncoding#ALL}
     */
    void pages(int domainId, int pasid, long base, int shift, boolean directories) {
        queue.put(
                InvalidateIommuPages.word0(domainId, pasid),
                InvalidateIommuPages.word1(pasid, base, shift, directories));
    }

    /** True if {@link #deviceTlb} can say how the device flushes. */
    boolean hasTypes() {
        return hasTypes;
    }

    /** INVALIDATE_IOTLB_PAGES; as {@link #pages}. */
    void deviceTlb(int deviceId, int pasid, long base, int shift, int type) {
        if (logBefore < 0) {
            logBefore = readyLog();
        }
        queue.put(
                InvalidateIotlbPages.word0(deviceId, deviceId, MAXPEND, pasid),
                InvalidateIotlbPages.word1(pasid, base, shift, type));
    }

    /** COMPLETE_PPR_REQUEST. */
    void pageResponse(PageRequest last, PageResponse response) {
        queue.put(CompletePprRequest.word0(last), CompletePprRequest.word1(last, response));
    }

    /**
     * Waits until every command so far is done.
     *
     * @return {@code OK}; {@code EIO} if the chip reported an error or a device did not answer, {@code ETIMEDOUT} if the chip
     *     does not go on: then the commands do not count as done
     */
    Errno finish() {
        Errno outcome = queue.finish();
        if (logBefore >= 0) {
            boolean answered = !hasTimeout(logBefore);
            logBefore = -1;
            return outcome == Errno.OK && !answered ? Errno.EIO : outcome;
        }
        return outcome;
    }

    void tap(NativeCommandListener listener) {
        queue.tap(listener);
    }

    /** The end of the event log, which has room: the oldest entries go where nobody has taken them. */
    private long readyLog() {
        long tail = port.read(LOG.tail());
        long unread = (tail - port.read(LOG.head())) & (logBytes - 1);
        boolean runs = Status.EVENT_LOG_RUN.isSet(port.read(Status.REGISTER));
        if (unread >= logBytes - (long) ROOM * AmdViEvents.BYTES) {
            port.write(LOG.head(), (tail + (long) ROOM * AmdViEvents.BYTES) & (logBytes - 1));
        }
        if (!runs) {
            chip.control(Control.EVENT_LOG_EN, false);
            port.write(Status.REGISTER, Status.EVENT_OVERFLOW.mask());
            chip.control(Control.EVENT_LOG_EN, true);
        }
        return tail;
    }

    /** True if a device did not answer since the log ended there, or nobody can tell. */
    private boolean hasTimeout(long from) {
        if (!Status.EVENT_LOG_RUN.isSet(port.read(Status.REGISTER))) {
            return true;
        }
        long tail = port.read(LOG.tail());
        for (long at = from; at != tail; at = (at + AmdViEvents.BYTES) & (logBytes - 1)) {
            long word0 = memory.readLongLe(pages + at);
            if (IotlbInvTimeout.CODE.getInt(word0) == AmdViEvent.IOTLB_INV_TIMEOUT.code()) {
                return true;
            }
        }
        return false;
    }
}
