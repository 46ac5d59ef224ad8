package org.iommu4j.arm.translate;

import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.PageRequestResponse;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuErrata;
import org.iommu4j.arm.command.SmmuRegisters.Cr0;
import org.iommu4j.arm.command.SmmuRegisters.Queue;
import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.contract.Errno;
import org.iommu4j.driver.queue.CommandQueue;
import org.iommu4j.driver.queue.CompletionCommand;
import org.iommu4j.driver.queue.QueueControl;
import org.iommu4j.driver.queue.RingFormat;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/** Commands through the command queue, IHI 0070 3.5: a ring of 256, completed by a CMD_SYNC that signals nothing. */
final class QueueCommands {
    /** Pages of the ring. */
    static final int RING_PAGES = 1;

    private static final int LOG2_ENTRIES = 8;
    private static final int LEAF = 1;
    private static final int EVERYTHING = 31;
    private static final Queue REGISTERS = Queue.COMMANDS;
    private static final RingFormat RING = new RingFormat(
            1 << LOG2_ENTRIES, true, REGISTERS.consumer(), REGISTERS.read(), REGISTERS.producer(), REGISTERS.write());

    private static final long SYNC = SmmuCommand.SYNC.word();

    private final CommandQueue queue;
    private final long ring;

    /** Commands that the chip takes without a CMD_SYNC; 0 for any number. */
    private final int mostUnsynced;

    /** Commands since the last CMD_SYNC. */
    private int unsynced;

    /** A queue at {@code ring}; {@link #start} switches it on. */
    QueueCommands(ChipPort chip, long ring) {
        this.ring = ring;
        mostUnsynced = SmmuErrata.mostCommandsWithoutSync(chip.capabilities());
        queue = new CommandQueue(chip.port(), RING, CompletionCommand.whenTaken(SYNC, 0), new Control(chip), ring);
    }

    /** Goes on where another stopped. */
    static QueueCommands load(ChipPort chip, SnapshotReader in) {
        QueueCommands commands = new QueueCommands(chip, in.getPage("ring"));
        commands.queue.load(in);
        return commands;
    }

    /** The chip's queue, IHI 0070 6.3.26 and 7.1. */
    private final class Control implements QueueControl {
        private final ChipPort chip;
        private final NativePort port;

        private Control(ChipPort chip) {
            this.chip = chip;
            port = chip.port();
        }

        @Override
        public void start() {
            port.write(
                    REGISTERS.baseRegister(),
                    REGISTERS.address().of(ring) | REGISTERS.log2Size().of(LOG2_ENTRIES));
            port.write(REGISTERS.producer(), 0);
            port.write(REGISTERS.consumer(), 0);
            chip.enable(Cr0.CMDQEN, true);
        }

        @Override
        public void stop() {
            chip.enable(Cr0.CMDQEN, false);
            chip.acknowledgeErrors();
        }

        @Override
        public Fault fault() {
            if (!chip.hasQueueError()) {
                return Fault.NONE;
            }
            int error = REGISTERS.error().getInt(port.read(REGISTERS.consumer()));
            return error == Queue.ERROR_ATC_SYNC ? Fault.NO_ANSWER : Fault.WRONG_COMMAND;
        }

        @Override
        public void clearFaults() {
            chip.acknowledgeErrors();
        }

        @Override
        public void dropEverything(Sink sink) {
            sink.put(SmmuCommand.CFGI_STE_RANGE.word(), CommandFields.RANGE.of(EVERYTHING));
            sink.put(SYNC, 0);
            sink.put(SmmuCommand.TLBI_NSNH_ALL.word(), 0);
        }
    }

    /** Switches the chip's queue on, empty. */
    void start() {
        queue.start();
    }

    /** Empties every cache but those of devices, IHI 0070 3.11. */
    void everything() {
        put(SmmuCommand.CFGI_STE_RANGE.word(), CommandFields.RANGE.of(EVERYTHING));
        sync();
        put(SmmuCommand.TLBI_NSNH_ALL.word(), 0);
    }

    /** Drops the cached stream table entry of a stream, and its context descriptors. */
    void stream(int streamId) {
        put(
                SmmuCommand.CFGI_STE.word() | CommandFields.SID.of(Integer.toUnsignedLong(streamId)),
                CommandFields.LEAF.of(LEAF));
    }

    /** Drops a cached context descriptor, and the level-1 descriptor that leads to it. */
    void context(int streamId, int pasid) {
        put(
                SmmuCommand.CFGI_CD.word()
                        | CommandFields.SID.of(Integer.toUnsignedLong(streamId))
                        | CommandFields.SSID.of(pasid),
                0);
    }

    /** Drops all cached context descriptors of a stream. */
    void contexts(int streamId) {
        put(SmmuCommand.CFGI_CD_ALL.word() | CommandFields.SID.of(Integer.toUnsignedLong(streamId)), 0);
    }

    /** Ends the stalled transactions of a stream whose entry aborts. */
    void terminate(int streamId) {
        put(SmmuCommand.STALL_TERM.word() | CommandFields.SID.of(Integer.toUnsignedLong(streamId)), 0);
    }

    /** Answers a group of page requests. */
    void pageResponse(PageRequest last, PageResponse response) {
        put(PageRequestResponse.word0(last), PageRequestResponse.word1(last, response));
    }

    /** Everything so far is done before what follows, IHI 0070 4.7.3. */
    void sync() {
        put(SYNC, 0);
    }

    /** Writes a command as it is; on a chip that needs it a CMD_SYNC follows a long batch. */
    void put(long word0, long word1) {
        queue.put(word0, word1);
        unsynced = word0 == SYNC ? 0 : unsynced + 1;
        if (mostUnsynced != 0 && unsynced == mostUnsynced) {
            sync();
        }
    }

    /** {@code EIO} or {@code ETIMEDOUT} if not everything was carried out. */
    Errno finish() {
        unsynced = 0;
        return queue.finish();
    }

    void tap(NativeCommandListener listener) {
        queue.tap(listener);
    }

    void save(SnapshotWriter out) {
        queue.save(out.section("queue").putLong(ring));
    }
}
