package org.iommu4j.intel.translate;

import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageResponse;
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
import org.iommu4j.intel.command.PageGroupResponse;
import org.iommu4j.intel.command.PasidCacheInvalidate;
import org.iommu4j.intel.command.PasidDeviceTlbInvalidate;
import org.iommu4j.intel.command.PasidIotlbInvalidate;
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
 * Commands through the invalidation queue, VT-d 6.5.2, in a ring of 256, completed by a wait descriptor with a status write. Descriptors
 * have 128 bits in legacy mode and 256 in scalable mode, where PASIDs have commands of their own.
 */
final class QueueCommands implements CommandPath {
    /** Largest order in pages of a command for pages of one PASID: its address mask, 51 at most. */
    static final int MAX_PASID_ORDER = 51;

    private static final int PAGE_BYTES = 4096;
    private static final int ENTRIES = 256;
    private static final int LONG_BYTES = 2 * CommandQueue.COMMAND_BYTES;
    private static final RingFormat RING = ring(CommandQueue.COMMAND_BYTES);
    private static final RingFormat LONG_RING = ring(LONG_BYTES);

    private static final long CONTEXT_GLOBAL =
            VtdCommand.TYPE_CONTEXT_CACHE | ContextCacheInvalidate.G.of(ContextCacheInvalidate.GLOBAL);

    private static final long PASID_CACHE_GLOBAL =
            VtdCommand.TYPE_PASID_CACHE | PasidCacheInvalidate.G.of(PasidCacheInvalidate.GLOBAL);

    /** A wait that holds back what comes behind it. */
    private static final long FENCE = VtdCommand.TYPE_WAIT | InvalidationWait.FN.mask();

    private final CommandQueue queue;
    private final boolean scalable;
    private final long ring;
    private final long status;

    /** First word of IOTLB commands, but for the domain id. */
    private final long globalWord;

    private final long domainWord;
    private final long pagesWord;
    private final boolean reachesDevices;
    private final boolean drains;

    /** True if device-TLB commands name the physical function whose pending commands are counted. */
    private final boolean throttles;

    /** A queue at {@code ring} whose waits write to {@code status}; {@link #start} switches it on. */
    QueueCommands(ChipPort chip, long ring, long status) {
        this.ring = ring;
        this.status = status;
        CompletionCommand wait = new CompletionCommand(
                VtdCommand.TYPE_WAIT | InvalidationWait.SW.mask(), status, InvalidationWait.STATUS_DATA, status);
        scalable = chip.isScalable();
        queue = new CommandQueue(chip.port(), scalable ? LONG_RING : RING, wait, new Control(chip), ring);
        long iotlb = VtdCommand.TYPE_IOTLB
                | (Cap.DWD.isSet(chip.cap()) ? IotlbInvalidate.DW.mask() : 0)
                | (Cap.DRD.isSet(chip.cap()) ? IotlbInvalidate.DR.mask() : 0);
        globalWord = iotlb | IotlbInvalidate.G.of(IotlbInvalidate.GLOBAL);
        domainWord = iotlb | IotlbInvalidate.G.of(IotlbInvalidate.DOMAIN);
        pagesWord = iotlb | IotlbInvalidate.G.of(IotlbInvalidate.PAGE);
        reachesDevices = Ecap.DT.isSet(chip.ecap());
        drains = Ecap.PDS.isSet(chip.ecap());
        throttles = Ecap.DIT.isSet(chip.ecap());
    }

    private static RingFormat ring(int commandBytes) {
        return new RingFormat(
                ENTRIES, false, QueueHead.REGISTER, QueueHead.QH, QueueTail.REGISTER, QueueTail.QT, commandBytes);
    }

    /** Pages of the ring. */
    static int ringPages(boolean scalable) {
        return ENTRIES * (scalable ? LONG_BYTES : CommandQueue.COMMAND_BYTES) / PAGE_BYTES;
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
            // QS is log2 of the ring's pages.
            long size = QueueAddress.QS.of(Integer.numberOfTrailingZeros(ringPages(scalable)));
            port.write(
                    QueueAddress.REGISTER,
                    QueueAddress.IQA_BASE.of(ring) | size | (scalable ? QueueAddress.DW.mask() : 0));
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
            if (scalable) {
                sink.put(PASID_CACHE_GLOBAL, 0);
            }
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
    public void everything() {
        queue.put(CONTEXT_GLOBAL, 0);
        if (scalable) {
            queue.put(PASID_CACHE_GLOBAL, 0);
        }
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
        queue.put(
                VtdCommand.TYPE_DEVICE_TLB | DeviceTlbInvalidate.SID.of(sourceId) | throttle(sourceId),
                deviceTlbAddress(address, order));
    }

    /**
     * What says how many commands a device may have pending, VT-d 6.5.2.5: queue depth (MIP) 0 stands for 32, which every device takes. A
     * container's device counts as a physical function of its own, since nobody says of which it is a virtual one.
     */
    private long throttle(int sourceId) {
        return throttles ? DeviceTlbInvalidate.physicalFunction(sourceId) : 0;
    }

    /** Word 1 of a device-TLB descriptor. */
    static long deviceTlbAddress(long address, int order) {
        return order == 0
                ? DeviceTlbInvalidate.ADDR.of(address)
                : DeviceTlbInvalidate.ADDR.of(RangeCover.sizeInAddress(address, order)) | DeviceTlbInvalidate.S.mask();
    }

    // ---- scalable mode

    /** Drops the cached PASID entries of a domain id. */
    void pasidCacheDomain(int domainId) {
        queue.put(
                VtdCommand.TYPE_PASID_CACHE
                        | PasidCacheInvalidate.G.of(PasidCacheInvalidate.DOMAIN)
                        | PasidCacheInvalidate.DID.of(domainId),
                0);
    }

    /** Drops the cached entries of one PASID with a domain id. */
    void pasidCache(int domainId, int pasid) {
        queue.put(
                VtdCommand.TYPE_PASID_CACHE
                        | PasidCacheInvalidate.G.of(PasidCacheInvalidate.ONE_PASID)
                        | PasidCacheInvalidate.DID.of(domainId)
                        | PasidCacheInvalidate.PASID.of(pasid),
                0);
    }

    /** Drops the first-stage and pass-through translations of one PASID. */
    void pasidIotlb(int domainId, int pasid) {
        queue.put(pasidWord(PasidIotlbInvalidate.ONE_PASID, domainId, pasid), 0);
    }

    /**
     * Drops the first-stage translations of a block of pages of one PASID.
     *
     * @param address first address, aligned to the block
     * @param order log2 of the block's pages, at most {@link #MAX_PASID_ORDER}
     * @param leafOnly true if only leaf entries were changed
     */
    void pasidPages(int domainId, int pasid, long address, int order, boolean leafOnly) {
        queue.put(
                pasidWord(PasidIotlbInvalidate.PAGE, domainId, pasid),
                PasidIotlbInvalidate.ADDR.of(address)
                        | PasidIotlbInvalidate.AM.of(order)
                        | (leafOnly ? PasidIotlbInvalidate.IH.mask() : 0));
    }

    private static long pasidWord(int granularity, int domainId, int pasid) {
        return VtdCommand.TYPE_PASID_IOTLB
                | PasidIotlbInvalidate.G.of(granularity)
                | PasidIotlbInvalidate.DID.of(domainId)
                | PasidIotlbInvalidate.PASID.of(pasid);
    }

    /** Drops a block of translations of one PASID in a device's own TLB. */
    void pasidDeviceTlb(int sourceId, int pasid, long address, int order) {
        queue.put(
                VtdCommand.TYPE_PASID_DEVICE_TLB
                        | PasidDeviceTlbInvalidate.SID.of(sourceId)
                        | PasidDeviceTlbInvalidate.PASID.of(pasid)
                        | throttle(sourceId),
                pasidDeviceTlbAddress(address, order));
    }

    /** Drops a block of translations of every PASID in a device's own TLB. */
    void everyPasidDeviceTlb(int sourceId, long address, int order) {
        queue.put(
                VtdCommand.TYPE_PASID_DEVICE_TLB | PasidDeviceTlbInvalidate.SID.of(sourceId) | throttle(sourceId),
                pasidDeviceTlbAddress(address, order) | PasidDeviceTlbInvalidate.GI.mask());
    }

    private static long pasidDeviceTlbAddress(long address, int order) {
        return order == 0
                ? PasidDeviceTlbInvalidate.ADDR.of(address)
                : PasidDeviceTlbInvalidate.ADDR.of(RangeCover.sizeInAddress(address, order))
                        | PasidDeviceTlbInvalidate.S.mask();
    }

    /** Answers a group of page requests, VT-d 7.6.1. */
    void pageGroupResponse(PageRequest last, PageResponse response) {
        boolean withPasid = last.pasid() != DmaAccess.NO_PASID;
        queue.put(
                VtdCommand.TYPE_PAGE_GROUP_RESPONSE
                        | PageGroupResponse.CODE.of(PageGroupResponse.codeOf(response))
                        | PageGroupResponse.RID.of(last.requester())
                        | (withPasid ? PageGroupResponse.PP.mask() | PageGroupResponse.PASID.of(last.pasid()) : 0),
                PageGroupResponse.PRGI.of(last.group()));
    }

    /** The next command begins when page requests that devices have sent are in their queue, VT-d 7.10; with ECAP.PDS. */
    void drainPageRequests() {
        queue.put(FENCE | (drains ? InvalidationWait.PD.mask() : 0), 0);
    }

    /** The next command begins when all before is done. A queue by itself does not keep type 6 before type 3, VT-d 6.5.2.12. */
    void fence() {
        queue.put(FENCE, 0);
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
