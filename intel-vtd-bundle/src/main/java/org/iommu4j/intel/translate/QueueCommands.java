package org.iommu4j.intel.translate;

import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.NativePort;
import org.iommu4j.contract.Errno;
import org.iommu4j.driver.queue.CommandQueue;
import org.iommu4j.driver.queue.CompletionCommand;
import org.iommu4j.driver.queue.QueueControl;
import org.iommu4j.driver.queue.RingFormat;
import org.iommu4j.driver.range.RangeCover;
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
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * Commands through the invalidation queue, VT-d 6.5.2: 128-bit descriptors in a ring of 256, completed by a wait descriptor
 * with a status write.
 */
final class QueueCommands implements CommandPath {
    /** Pages of the ring: QS = 0. */
    static final int RING_PAGES = 1;

    private static final RingFormat RING = new RingFormat(
            RING_PAGES * 4096 / CommandQueue.COMMAND_BYTES,
            false,
            QueueHead.REGISTER,
            QueueHead.QH,
            QueueTail.REGISTER,
            QueueTail.QT);

    private static final long CONTEXT_GLOBAL =
            VtdCommand.TYPE_CONTEXT_CACHE | ContextCacheInvalidate.G.of(ContextCacheInvalidate.GLOBAL);

    private final CommandQueue queue;
    private final long ring;
    private final long status;

    /** First word of IOTLB commands, but for the domain id. */
    private final long globalWord;

    private final long domainWord;
    private final long pagesWord;
    private final boolean reachesDevices;

    /** A queue at {@code ring} whose waits write to {@code status}; {@link #start} switches it on. */
    QueueCommands(ChipPort chip, long ring, long status) {
        this.ring = ring;
        this.status = status;
        CompletionCommand wait = new CompletionCommand(
                VtdCommand.TYPE_WAIT | InvalidationWait.SW.mask(), status, InvalidationWait.STATUS_DATA, status);
        queue = new CommandQueue(chip.port(), RING, wait, new Control(chip), ring);
        long iotlb = VtdCommand.TYPE_IOTLB
                | (Cap.DWD.isSet(chip.cap()) ? IotlbInvalidate.DW.mask() : 0)
                | (Cap.DRD.isSet(chip.cap()) ? IotlbInvalidate.DR.mask() : 0);
        globalWord = iotlb | IotlbInvalidate.G.of(IotlbInvalidate.GLOBAL);
        domainWord = iotlb | IotlbInvalidate.G.of(IotlbInvalidate.DOMAIN);
        pagesWord = iotlb | IotlbInvalidate.G.of(IotlbInvalidate.PAGE);
        reachesDevices = Ecap.DT.isSet(chip.ecap());
    }

    /** Goes on from a saved state. */
    static QueueCommands load(ChipPort chip, SnapshotReader in) {
        QueueCommands commands = new QueueCommands(chip, in.getPage("ring"), in.getPage("status word"));
        commands.queue.load(in);
        return commands;
    }

    /** The chip's queue, VT-d 6.5.2 and 7.3. */
    private final class Control implements QueueControl {
        private final ChipPort chip;
        private final NativePort port;

        private Control(ChipPort chip) {
            this.chip = chip;
            port = chip.port();
        }

        @Override
        public void start() {
            port.write(QueueTail.REGISTER, 0);
            port.write(QueueAddress.REGISTER, QueueAddress.IQA_BASE.of(ring));
            chip.enable(Global.QIE, Global.QIES, true);
        }

        @Override
        public void stop() {
            chip.clearErrors();
            if (Global.QIES.isSet(chip.status())) {
                chip.enable(Global.QIE, Global.QIES, false);
            }
        }

        @Override
        public Fault fault() {
            long errors = port.read(FaultStatus.REGISTER);
            if (FaultStatus.IQE.isSet(errors)) {
                return Fault.WRONG_COMMAND;
            }
            return FaultStatus.ITE.isSet(errors) || FaultStatus.ICE.isSet(errors) ? Fault.NO_ANSWER : Fault.NONE;
        }

        @Override
        public void clearFaults() {
            chip.clearErrors();
        }

        @Override
        public void dropEverything(Sink sink) {
            sink.put(CONTEXT_GLOBAL, 0);
            sink.put(globalWord, 0);
        }
    }

    /** Switches the chip's queue on, empty. */
    void start() {
        queue.start();
    }

    @Override
    public void contextGlobal() {
        queue.put(CONTEXT_GLOBAL, 0);
    }

    @Override
    public void contextDevice(int domainId, int sourceId) {
        queue.put(
                VtdCommand.TYPE_CONTEXT_CACHE
                        | ContextCacheInvalidate.G.of(ContextCacheInvalidate.DEVICE)
                        | ContextCacheInvalidate.DID.of(domainId)
                        | ContextCacheInvalidate.SID.of(sourceId),
                0);
    }

    @Override
    public void iotlbGlobal() {
        queue.put(globalWord, 0);
    }

    @Override
    public void iotlbDomain(int domainId) {
        queue.put(domainWord | IotlbInvalidate.DID.of(domainId), 0);
    }

    @Override
    public void iotlbPages(int domainId, long address, int order, boolean leafOnly) {
        queue.put(
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
        queue.put(VtdCommand.TYPE_DEVICE_TLB | DeviceTlbInvalidate.SID.of(sourceId), deviceTlbAddress(address, order));
    }

    /** Word 1 of a device-TLB descriptor. */
    static long deviceTlbAddress(long address, int order) {
        return order == 0
                ? DeviceTlbInvalidate.ADDR.of(address)
                : DeviceTlbInvalidate.ADDR.of(RangeCover.sizeInAddress(address, order)) | DeviceTlbInvalidate.S.mask();
    }

    @Override
    public Errno finish() {
        return queue.finish();
    }

    @Override
    public void tap(NativeCommandListener listener) {
        queue.tap(listener);
    }

    @Override
    public void save(SnapshotWriter out) {
        queue.save(out.section("queue").putLong(ring).putLong(status));
    }
}
