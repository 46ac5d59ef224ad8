package org.iommu4j.intel.translate;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.contract.Errno;
import org.iommu4j.intel.command.ContextCacheInvalidate;
import org.iommu4j.intel.command.DeviceTlbInvalidate;
import org.iommu4j.intel.command.InvalidationWait;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.FaultStatus;
import org.iommu4j.intel.command.VtdRegisters.Global;
import org.iommu4j.intel.command.VtdRegisters.QueueAddress;
import org.iommu4j.intel.command.VtdRegisters.QueueHead;
import org.iommu4j.intel.command.VtdRegisters.QueueTail;
import org.iommu4j.simulation.memory.PageCursor;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * Commands through the invalidation queue, VT-d 6.5.2: 128-bit descriptors in a ring of 256, one wait descriptor with a
 * status write and one doorbell for each {@link #finish}. The ring is empty between two of them.
 */
final class QueueCommands implements CommandPath {
    /** Pages of the ring: QS = 0. */
    static final int RING_PAGES = 1;

    private static final int DESCRIPTOR_BYTES = 16;
    private static final int ENTRIES = RING_PAGES * 4096 / DESCRIPTOR_BYTES;
    private static final long OFFSET_MASK = ENTRIES * DESCRIPTOR_BYTES - 1L;

    /** Room that commands leave for waits: the regular one and those of a recovery; one slot always stays free. */
    private static final int RESERVED_ENTRIES = 8;

    private static final int MAX_COMMANDS = ENTRIES - RESERVED_ENTRIES;

    private final ChipPort chip;
    private final NativePort port;
    private final PhysicalMemory memory;

    /** Where commands are stored. */
    private final PageCursor commands;

    private final long ring;
    private final long statusAddress;
    private final long drain;

    /** First word of a page-selective command, but for the domain id. */
    private final long pagesWord;

    private final boolean reachesDevices;
    private NativeCommandListener listener;
    private long tail;
    private int written;
    private int sequence;
    private boolean stuck;
    private Errno failure = Errno.OK;

    /** A queue at {@code ring} whose waits write to {@code statusAddress}; {@link #start} switches it on. */
    QueueCommands(ChipPort chip, long ring, long statusAddress) {
        this.chip = chip;
        port = chip.port();
        memory = chip.memory();
        commands = new PageCursor(memory);
        this.ring = ring;
        this.statusAddress = statusAddress;
        drain = (Cap.DWD.isSet(chip.cap()) ? IotlbInvalidate.DW.mask() : 0)
                | (Cap.DRD.isSet(chip.cap()) ? IotlbInvalidate.DR.mask() : 0);
        pagesWord = VtdCommand.TYPE_IOTLB | IotlbInvalidate.G.of(IotlbInvalidate.PAGE) | drain;
        reachesDevices = Ecap.DT.isSet(chip.ecap());
    }

    /** Switches the chip's queue on, empty. */
    void start() {
        port.write(QueueTail.REGISTER, 0);
        port.write(QueueAddress.REGISTER, QueueAddress.IQA_BASE.of(ring));
        chip.enable(Global.QIE, Global.QIES, true);
    }

    /** Goes on where another stopped. */
    void resume(long atTail, int commandsWritten, int lastSequence, boolean wasStuck, boolean failed) {
        tail = atTail;
        written = commandsWritten;
        sequence = lastSequence;
        stuck = wasStuck;
        failure = failed ? Errno.EIO : Errno.OK;
    }

    /** True if a saved tail and count can be this queue's. */
    static boolean isPosition(long tail, int commandsWritten) {
        return (tail & ~(OFFSET_MASK & -DESCRIPTOR_BYTES)) == 0
                && commandsWritten >= 0
                && commandsWritten <= MAX_COMMANDS;
    }

    @Override
    public void contextGlobal() {
        put(VtdCommand.TYPE_CONTEXT_CACHE | ContextCacheInvalidate.G.of(ContextCacheInvalidate.GLOBAL), 0);
    }

    @Override
    public void contextDevice(int domainId, int sourceId) {
        put(
                VtdCommand.TYPE_CONTEXT_CACHE
                        | ContextCacheInvalidate.G.of(ContextCacheInvalidate.DEVICE)
                        | ContextCacheInvalidate.DID.of(domainId)
                        | ContextCacheInvalidate.SID.of(sourceId),
                0);
    }

    @Override
    public void iotlbGlobal() {
        put(VtdCommand.TYPE_IOTLB | IotlbInvalidate.G.of(IotlbInvalidate.GLOBAL) | drain, 0);
    }

    @Override
    public void iotlbDomain(int domainId) {
        put(
                VtdCommand.TYPE_IOTLB
                        | IotlbInvalidate.G.of(IotlbInvalidate.DOMAIN)
                        | drain
                        | IotlbInvalidate.DID.of(domainId),
                0);
    }

    @Override
    public void iotlbPages(int domainId, long address, int order, boolean leafOnly) {
        put(
                pagesWord | IotlbInvalidate.DID.of(domainId),
                IotlbInvalidate.ADDR.of(address)
                        | IotlbInvalidate.AM.of(order)
                        | (leafOnly ? IotlbInvalidate.IH.mask() : 0));
    }

    @Override
    public boolean reachesDevices() {
        return reachesDevices;
    }

    @Override
    public void deviceTlb(int sourceId, long address, int order) {
        // Queue depth (MIP) 0 stands for 32 and is what a device without a smaller one has; PFSID is 0 without
        // ECAP.DIT.
        put(VtdCommand.TYPE_DEVICE_TLB | DeviceTlbInvalidate.SID.of(sourceId), deviceTlbAddress(address, order));
    }

    /** Word 1 of a device-TLB descriptor: the ones from bit 12 upwards encode the size. */
    static long deviceTlbAddress(long address, int order) {
        if (order == 0) {
            return DeviceTlbInvalidate.ADDR.of(address);
        }
        if (order >= RangeCover.WHOLE_SPACE_ORDER) {
            return DeviceTlbInvalidate.ALL;
        }
        long ones = ((1L << (order - 1)) - 1) << 12;
        return DeviceTlbInvalidate.ADDR.of(address | ones) | DeviceTlbInvalidate.S.mask();
    }

    @Override
    public Errno finish() {
        if (written > 0 || stuck) {
            complete();
        }
        Errno outcome = failure;
        failure = Errno.OK;
        return outcome;
    }

    @Override
    public void tap(NativeCommandListener newListener) {
        listener = newListener;
    }

    @Override
    public void save(SnapshotWriter out) {
        out.section("queue")
                .putLong(ring)
                .putLong(statusAddress)
                .putLong(tail)
                .putInt(written)
                .putInt(sequence)
                .putBoolean(stuck)
                .putBoolean(failure != Errno.OK);
    }

    private void put(long word0, long word1) {
        if (written == MAX_COMMANDS) {
            complete();
        }
        if (stuck && (failure != Errno.OK || !revived())) {
            // A queue that does not go on takes nothing more; what was asked is reported as not done.
            fail(Errno.EIO);
            return;
        }
        store(word0, word1);
        written++;
    }

    private void store(long word0, long word1) {
        commands.writePairLe(ring + tail, word0, word1);
        tail = (tail + DESCRIPTOR_BYTES) & OFFSET_MASK;
        if (listener != null) {
            show(word0, word1);
        }
    }

    private void show(long word0, long word1) {
        listener.command(ByteBuffer.allocate(DESCRIPTOR_BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(word0)
                .putLong(word1)
                .array());
    }

    /** True if the chip has done meanwhile what it did not go on with. */
    private boolean hasCaughtUp() {
        long head = QueueHead.QH.get(port.read(QueueHead.REGISTER));
        if (head != tail || memory.readIntLe(statusAddress) != sequence) {
            return false;
        }
        written = 0;
        stuck = false;
        return true;
    }

    /** True if the chip goes on again, by itself or with a queue that was set up anew. */
    private boolean revived() {
        return hasCaughtUp() || restarted();
    }

    /**
     * Sets the queue up anew after it did not go on: what was in it was reported as not done, and what it may have left in
     * the caches is dropped with everything else.
     */
    private boolean restarted() {
        try {
            chip.clearErrors();
            if (Global.QIES.isSet(chip.status())) {
                chip.enable(Global.QIE, Global.QIES, false);
            }
            tail = 0;
            written = 0;
            start();
        } catch (BackendException e) {
            return false;
        }
        sequence++;
        store(VtdCommand.TYPE_CONTEXT_CACHE | ContextCacheInvalidate.G.of(ContextCacheInvalidate.GLOBAL), 0);
        store(VtdCommand.TYPE_IOTLB | IotlbInvalidate.G.of(IotlbInvalidate.GLOBAL) | drain, 0);
        store(waitWord(), statusAddress);
        ring();
        return hasCaughtUp();
    }

    private void ring() {
        port.write(QueueTail.REGISTER, tail);
    }

    private void complete() {
        if (!stuck) {
            sequence++;
            store(waitWord(), statusAddress);
            ring();
            if (memory.readIntLe(statusAddress) == sequence) {
                written = 0;
                return;
            }
        }
        recover();
    }

    private long waitWord() {
        return VtdCommand.TYPE_WAIT
                | InvalidationWait.SW.mask()
                | InvalidationWait.STATUS_DATA.of(Integer.toUnsignedLong(sequence));
    }

    /**
     * Gets a queue that stopped to run to its end. Wrong descriptors are replaced by the wait, a time-out is cleared, an
     * aborted wait is written again, and the doorbell is rung once more, as a chip may have missed it. Whatever happens, an
     * error is reported unless nothing but time or the doorbell was missing. A queue that does not go on has time until the
     * next command; then it is set up anew.
     */
    private void recover() {
        boolean again = stuck;
        boolean rung = false;
        int waits = 0;
        for (int poll = 0; poll < ChipPort.MAX_POLLS; poll++) {
            long errors = port.read(FaultStatus.REGISTER);
            long head = QueueHead.QH.get(port.read(QueueHead.REGISTER));
            if (FaultStatus.IQE.isSet(errors)) {
                fail(Errno.EIO);
                memory.writePairLe(ring + head, waitWord(), statusAddress);
                chip.clearErrors();
            } else if (FaultStatus.ITE.isSet(errors) || FaultStatus.ICE.isSet(errors)) {
                fail(Errno.EIO);
                chip.clearErrors();
            } else if (hasCaughtUp()) {
                return;
            } else if (head == tail) {
                if (++waits == RESERVED_ENTRIES) {
                    break;
                }
                fail(Errno.EIO);
                store(waitWord(), statusAddress);
                ring();
            } else if (!rung) {
                rung = true;
                ring();
            }
        }
        stuck = true;
        fail(Errno.ETIMEDOUT);
        if (again) {
            stuck = !restarted();
        }
    }

    private void fail(Errno errno) {
        if (failure == Errno.OK) {
            failure = errno;
        }
    }
}
