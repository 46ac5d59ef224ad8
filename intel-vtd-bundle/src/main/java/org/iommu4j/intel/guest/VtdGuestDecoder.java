package org.iommu4j.intel.guest;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.intel.command.ContextCacheInvalidate;
import org.iommu4j.intel.command.DeviceTlbInvalidate;
import org.iommu4j.intel.command.InterruptEntryCacheInvalidate;
import org.iommu4j.intel.command.InvalidationWait;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.RegisterImage;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.command.VtdRegisters;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.CompletionStatus;
import org.iommu4j.intel.command.VtdRegisters.ContextCommand;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.EventControl;
import org.iommu4j.intel.command.VtdRegisters.FaultStatus;
import org.iommu4j.intel.command.VtdRegisters.Global;
import org.iommu4j.intel.command.VtdRegisters.InvalidateAddress;
import org.iommu4j.intel.command.VtdRegisters.Iotlb;
import org.iommu4j.intel.command.VtdRegisters.QueueAddress;
import org.iommu4j.intel.command.VtdRegisters.QueueError;
import org.iommu4j.intel.command.VtdRegisters.QueueHead;
import org.iommu4j.intel.command.VtdRegisters.QueueTail;
import org.iommu4j.intel.command.VtdRegisters.RootTableAddress;
import org.iommu4j.layout.BitField;
import org.iommu4j.simulation.register.RegisterFile;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * A virtual VT-d unit of legacy mode. Whoever runs the guest fetches the queue and hands each descriptor to {@link
 * #command}; a write to IQT fetches nothing itself. The decoder moves the head, stores wait status in the guest's memory
 * and stops at a wrong descriptor as the hardware does. A command that the host does not carry out stops the queue, or
 * reads back as refused in CCMD and IOTLB: it is never acknowledged.
 *
 * <p>Not modelled: interrupt remapping (its commands are checked and complete at once) and delivery of messages to the
 * guest; a message that waits behind its mask shows in FECTL.IP and IECTL.IP.
 */
public final class VtdGuestDecoder implements GuestDecoder {
    /** Version of the state that {@link #save} writes. */
    public static final int STATE_VERSION = 1;

    /** Oldest version of the state that {@link #restore} reads. */
    public static final int STATE_OLDEST_READ = 1;

    private static final int DESCRIPTOR_BYTES = 16;
    private static final int MAX_DESCRIPTOR_BYTES = 32;
    private static final int TYPES = 16;
    private static final int PAGE_SHIFT = 12;
    private static final int ALL_DOMAINS = -1;
    private static final byte[] NO_PAYLOAD = {};
    private static final VarHandle WORD = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private static final long ONE_SHOT_COMMANDS =
            Global.SRTP.mask() | Global.SFL.mask() | Global.WBF.mask() | Global.SIRTP.mask();

    private final int subVersion;
    private final VtdCapabilities unit;
    private final PhysicalMemory memory;
    private final RegisterFile registers;
    private final GuestDevices devices;
    private final RequestWriter writer;
    private final long[] reserved0 = new long[TYPES];
    private final long[] reserved1 = new long[TYPES];

    /** Who takes the requests of the call that is under way. */
    private GuestRequests sink;

    /**
     * A virtual unit fresh from reset.
     *
     * @param config what the guest sees: generation and capabilities
     * @throws BackendException as {@link VtdCapabilities#of}
     */
    public VtdGuestDecoder(HardwareConfig config, PhysicalMemory memory) {
        this(config.subVersion(), VtdCapabilities.of(config), memory);
    }

    private VtdGuestDecoder(int subVersion, VtdCapabilities unit, PhysicalMemory memory) {
        this.subVersion = subVersion;
        this.unit = unit;
        this.memory = memory;
        registers = new RegisterFile(VtdRegisters.of(unit));
        devices = new GuestDevices(memory, unit, subVersion);
        writer = new RequestWriter(Abi.LP64_LE, IommuModel.INTEL, subVersion);
        for (VtdCommand command : VtdCommand.values()) {
            reserved0[command.opcode()] = command.layout().reservedMask(0, subVersion, unit::has);
            reserved1[command.opcode()] = command.layout().reservedMask(1, subVersion, unit::has);
        }
        listen();
    }

    /**
     * Goes on where another virtual unit stopped. Sends nothing.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for a state version that is not read, {@code EINVAL} for a damaged
     *     state
     */
    public static VtdGuestDecoder restore(Snapshot state, PhysicalMemory memory) {
        SnapshotReader in = new SnapshotReader(state)
                .require(IommuModel.INTEL, Snapshot.Kind.GUEST, STATE_OLDEST_READ, STATE_VERSION);
        in.section("unit");
        int subVersion = in.getInt();
        Map<String, Long> capabilities = new HashMap<>();
        capabilities.put("VER", in.getLong());
        capabilities.put("CAP", in.getLong());
        capabilities.put("ECAP", in.getLong());
        in.endSection();
        VtdGuestDecoder decoder = new VtdGuestDecoder(
                new HardwareConfig(subVersion, Map.of(), capabilities, CacheConfig.NONE, Map.of()), memory);
        in.section("registers");
        decoder.registers.load(in);
        in.endSection();
        in.section("devices");
        decoder.devices.load(in);
        in.endSection();
        return decoder;
    }

    @Override
    public long readRegister(long offset, int sizeBytes) {
        return registers.read(offset, sizeBytes);
    }

    @Override
    public void writeRegister(long offset, int sizeBytes, long value, GuestRequests requests) {
        sink = requests;
        registers.write(offset, sizeBytes, value);
    }

    @Override
    public void command(byte[] bytes, GuestRequests requests) {
        sink = requests;
        if (!unit.hasQueue() || !Global.QIES.isSet(registers.get(Global.STATUS_OFFSET))) {
            sink.refused("the guest's queue is off");
            return;
        }
        if (FaultStatus.IQE.isSet(registers.get(FaultStatus.OFFSET))) {
            sink.refused("the guest's queue has stopped at an error");
            return;
        }
        if (!legacyTables()) {
            stop(QueueError.INVALID_TABLE_MODE, "the guest's root table is of a mode that is not in this release");
            return;
        }
        if (bytes.length != DESCRIPTOR_BYTES && bytes.length != MAX_DESCRIPTOR_BYTES) {
            stop(QueueError.FETCH_ERROR, "a descriptor has " + bytes.length + " bytes");
            return;
        }
        if (bytes.length != DESCRIPTOR_BYTES || QueueAddress.DW.isSet(registers.get(QueueAddress.OFFSET))) {
            stop(QueueError.INVALID_WIDTH, "256-bit descriptors need scalable mode, which is not in this release");
            return;
        }
        if (carryOut(wordAt(bytes, 0), wordAt(bytes, Long.BYTES))) {
            long next = registers.get(QueueHead.OFFSET) + DESCRIPTOR_BYTES;
            registers.set(QueueHead.OFFSET, next & (ringBytes() - 1));
        }
    }

    @Override
    public void call(NativeCall call, GuestRequests requests) {
        throw new BackendException(Errno.ENOTTY, "VT-d has registers, no hypercalls or instructions");
    }

    @Override
    public void deviceAccess(int requester, GuestRequests requests) {
        sink = requests;
        devices.access(requester, requests);
    }

    @Override
    public Snapshot save() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.INTEL, Snapshot.Kind.GUEST, STATE_VERSION);
        out.section("unit")
                .putInt(subVersion)
                .putLong(unit.ver())
                .putLong(unit.cap())
                .putLong(unit.ecap());
        registers.save(out.section("registers"));
        devices.save(out.section("devices"));
        return out.build();
    }

    @Override
    public String commandName(byte[] bytes) {
        if (bytes.length < DESCRIPTOR_BYTES) {
            return "short";
        }
        long word0 = wordAt(bytes, 0);
        int type = VtdCommand.typeOf(word0, subVersion);
        return switch (type) {
            case VtdCommand.TYPE_CONTEXT_CACHE ->
                "context_cache" + granularity(ContextCacheInvalidate.G.getInt(word0), "device");
            case VtdCommand.TYPE_IOTLB -> "iotlb" + granularity(IotlbInvalidate.G.getInt(word0), "page");
            case VtdCommand.TYPE_DEVICE_TLB -> "dev_iotlb";
            case VtdCommand.TYPE_INTERRUPT_ENTRY_CACHE ->
                InterruptEntryCacheInvalidate.G.isSet(word0) ? "iec.index" : "iec.global";
            case VtdCommand.TYPE_WAIT ->
                InvalidationWait.SW.isSet(word0)
                        ? "wait.status"
                        : InvalidationWait.IF.isSet(word0) ? "wait.interrupt" : "wait.fence";
            default -> "type_0x" + Integer.toHexString(type);
        };
    }

    private static String granularity(int value, String selective) {
        return switch (value) {
            case ContextCacheInvalidate.GLOBAL -> ".global";
            case ContextCacheInvalidate.DOMAIN -> ".domain";
            case ContextCacheInvalidate.DEVICE -> "." + selective;
            default -> ".reserved";
        };
    }

    private static long wordAt(byte[] bytes, int offset) {
        return (long) WORD.get(bytes, offset);
    }

    // ---- registers

    private void listen() {
        registers.onWrite(Global.COMMAND_OFFSET, (before, after, written, lanes) -> globalCommand(written));
        registers.onWrite(FaultStatus.OFFSET, (before, after, written, lanes) -> {
            if ((after & errorBits()) == 0) {
                withdraw(EventControl.FAULT_OFFSET);
            }
        });
        registers.onWrite(
                EventControl.FAULT_OFFSET, (before, after, written, lanes) -> unmask(EventControl.FAULT_OFFSET, after));
        if (unit.hasQueue()) {
            registers.filterWrites(
                    QueueAddress.OFFSET, (before, proposed, written, lanes) -> queueOn() ? before : proposed);
            registers.onWrite(QueueTail.OFFSET, (before, after, written, lanes) -> tailWritten(after));
            registers.onWrite(CompletionStatus.OFFSET, (before, after, written, lanes) -> {
                if (!CompletionStatus.IWC.isSet(after)) {
                    withdraw(EventControl.INVALIDATION_OFFSET);
                }
            });
            registers.onWrite(
                    EventControl.INVALIDATION_OFFSET,
                    (before, after, written, lanes) -> unmask(EventControl.INVALIDATION_OFFSET, after));
        }
        if (unit.hasRegisterInvalidation()) {
            registers.onWrite(ContextCommand.OFFSET, (before, after, written, lanes) -> {
                if ((lanes & ContextCommand.ICC.mask()) != 0 && ContextCommand.ICC.isSet(after)) {
                    contextCommand(after);
                }
            });
            int offset = unit.iotlbOffset() + Long.BYTES;
            registers.onWrite(offset, (before, after, written, lanes) -> {
                if ((lanes & Iotlb.IVT.mask()) != 0 && Iotlb.IVT.isSet(after)) {
                    iotlbCommand(offset, after);
                }
            });
        }
    }

    private long ringBytes() {
        return 1L << (PAGE_SHIFT + QueueAddress.QS.getInt(registers.get(QueueAddress.OFFSET)));
    }

    private boolean queueOn() {
        return Global.QIES.isSet(registers.get(Global.STATUS_OFFSET));
    }

    /** True unless the guest has set a root table of another mode. */
    private boolean legacyTables() {
        return !Global.RTPS.isSet(registers.get(Global.STATUS_OFFSET)) || devices.isRootUsable();
    }

    private void globalCommand(long written) {
        long before = registers.get(Global.STATUS_OFFSET);
        if (Global.SRTP.isSet(written)) {
            setRoot();
            setStatus(Global.RTPS, true);
        }
        if (Global.SIRTP.isSet(written) && Ecap.IR.isSet(unit.ecap())) {
            setStatus(Global.IRTPS, true);
        }
        long changed = (written ^ before) & ~ONE_SHOT_COMMANDS;
        if (Global.QIE.isSet(changed) && unit.hasQueue()) {
            setStatus(Global.QIES, Global.QIE.isSet(written));
            registers.set(QueueHead.OFFSET, 0);
        }
        if (Ecap.IR.isSet(unit.ecap())) {
            setStatus(Global.IRES, Global.IRE.isSet(written));
            setStatus(Global.CFIS, Global.CFI.isSet(written));
        }
        if (Global.TE.isSet(changed)) {
            setStatus(Global.TES, Global.TE.isSet(written));
            devices.translate(Global.TE.isSet(written), sink);
        }
    }

    private void setRoot() {
        long root = registers.get(RootTableAddress.OFFSET);
        boolean legacy = RootTableAddress.TTM.get(root) == 0;
        devices.root(RootTableAddress.RTA.get(root), legacy);
        if (!legacy) {
            sink.refused("scalable mode is not in this release");
        }
        if (Cap.ESRTPS.isSet(unit.cap())) {
            devices.invalidateAll(sink);
            invalidate(ALL_DOMAINS, 0, 0, 0, 0, NO_PAYLOAD);
        }
    }

    private void setStatus(BitField bit, boolean on) {
        long status = registers.get(Global.STATUS_OFFSET);
        registers.set(Global.STATUS_OFFSET, on ? status | bit.mask() : status & ~bit.mask());
    }

    private void tailWritten(long tail) {
        if (queueOn() && tail >= ringBytes()) {
            stop(QueueError.INVALID_TAIL, "the guest's tail lies beyond its queue");
        }
    }

    private static long errorBits() {
        return FaultStatus.PFO.mask() | FaultStatus.IQE.mask() | FaultStatus.ICE.mask() | FaultStatus.ITE.mask();
    }

    private void contextCommand(long value) {
        int granularity = ContextCommand.CIRG.getInt(value);
        boolean done = !queueOn()
                && legacyTables()
                && invalidateContext(
                        granularity,
                        ContextCommand.DID.getInt(value),
                        ContextCommand.SID.getInt(value),
                        ContextCommand.FM.getInt(value));
        long answer = value & ~ContextCommand.ICC.mask();
        registers.set(ContextCommand.OFFSET, ContextCommand.CAIG.set(answer, done ? granularity : 0));
        if (done) {
            sink.handled("context entries are read again");
        } else {
            sink.refused("CCMD: reserved granularity, the queue is on, or the root table is not one of legacy mode");
        }
    }

    private void iotlbCommand(int offset, long value) {
        long where = registers.get(offset - Long.BYTES);
        int granularity = Iotlb.IIRG.getInt(value);
        String wrong = queueOn() || !legacyTables()
                ? "IOTLB: the queue is on, or the root table is not one of legacy mode"
                : invalidateIotlb(
                        granularity,
                        Iotlb.DID.getInt(value),
                        InvalidateAddress.AM.getInt(where),
                        InvalidateAddress.IH.isSet(where),
                        InvalidateAddress.ADDR.get(where));
        long answer = value & ~Iotlb.IVT.mask();
        registers.set(offset, Iotlb.IAIG.set(answer, wrong.isEmpty() ? granularity : 0));
        if (!wrong.isEmpty()) {
            sink.refused(wrong);
        }
    }

    // ---- queue

    /** Carries a descriptor out; false if the queue has stopped at it. */
    private boolean carryOut(long word0, long word1) {
        int type = VtdCommand.typeOf(word0, subVersion);
        VtdCommand command = VtdCommand.of(type);
        if (command == null
                || (command == VtdCommand.DEVICE_TLB_INVALIDATE && !Ecap.DT.isSet(unit.ecap()))
                || (command == VtdCommand.INTERRUPT_ENTRY_CACHE_INVALIDATE && !Ecap.IR.isSet(unit.ecap()))) {
            return stop(QueueError.UNKNOWN_TYPE, "unknown descriptor type 0x" + Integer.toHexString(type));
        }
        if ((word0 & reserved0[type]) != 0 || (word1 & reserved1[type]) != 0) {
            return stop(QueueError.RESERVED_FIELD, command.layout().name() + ": a reserved bit is set");
        }
        return switch (command) {
            case CONTEXT_CACHE_INVALIDATE -> context(word0);
            case IOTLB_INVALIDATE -> iotlb(word0, word1);
            case DEVICE_TLB_INVALIDATE -> deviceTlb(word0, word1);
            case INTERRUPT_ENTRY_CACHE_INVALIDATE -> interruptEntryCache(word0);
            case INVALIDATION_WAIT -> await(word0, word1);
        };
    }

    private boolean context(long word0) {
        boolean done = invalidateContext(
                ContextCacheInvalidate.G.getInt(word0),
                ContextCacheInvalidate.DID.getInt(word0),
                ContextCacheInvalidate.SID.getInt(word0),
                ContextCacheInvalidate.FM.getInt(word0));
        if (!done) {
            return stop(QueueError.RESERVED_FIELD, "cc_inv_dsc: reserved granularity");
        }
        sink.handled("context entries are read again");
        return true;
    }

    private boolean iotlb(long word0, long word1) {
        String wrong = invalidateIotlb(
                IotlbInvalidate.G.getInt(word0),
                IotlbInvalidate.DID.getInt(word0),
                IotlbInvalidate.AM.getInt(word1),
                IotlbInvalidate.IH.isSet(word1),
                IotlbInvalidate.ADDR.get(word1));
        return wrong.isEmpty() || stop(QueueError.RESERVED_FIELD, wrong);
    }

    /** A device's own TLB: forwarded alone, since a guest may ask for it without an IOTLB command. */
    private boolean deviceTlb(long word0, long word1) {
        int requester = DeviceTlbInvalidate.SID.getInt(word0);
        GuestContext context = devices.context(requester);
        if (context == null || !context.deviceTlb()) {
            sink.handled("the device has no TLB in use");
            return true;
        }
        int order = DeviceTlbInvalidate.pagesShift(word1);
        long first = DeviceTlbInvalidate.firstAddress(word1);
        boolean wholeSpace = order + PAGE_SHIFT >= context.widthBits();
        if (!wholeSpace && first >>> context.widthBits() != 0) {
            sink.handled("beyond the width of the device's table nothing is cached");
            return true;
        }
        byte[] payload = DeviceTlbInvalidate.LAYOUT.encode(
                DeviceTlbInvalidate.TYPE.of(VtdCommand.TYPE_DEVICE_TLB) | DeviceTlbInvalidate.SID.of(requester),
                wholeSpace ? DeviceTlbInvalidate.ALL : word1);
        return invalidate(
                        context.domain(),
                        wholeSpace ? 0 : Uapi.SCOPE_VADDR,
                        Uapi.FLAGS_NO_PASID,
                        wholeSpace ? 0 : first,
                        wholeSpace ? 0 : 1L << (order + PAGE_SHIFT),
                        payload)
                || stop(0, "the host did not carry out dev_tlb_inv_dsc");
    }

    private boolean interruptEntryCache(long word0) {
        if (InterruptEntryCacheInvalidate.G.isSet(word0)
                && InterruptEntryCacheInvalidate.IM.getInt(word0) > Ecap.MHMV.getInt(unit.ecap())) {
            return stop(QueueError.RESERVED_FIELD, "iec_inv_dsc: IM exceeds ECAP.MHMV");
        }
        sink.handled("interrupt remapping is not modelled");
        return true;
    }

    private boolean await(long word0, long word1) {
        if (InvalidationWait.SW.isSet(word0)) {
            try {
                memory.writeIntLe(
                        InvalidationWait.STATUS_ADDRESS.get(word1), (int) InvalidationWait.STATUS_DATA.get(word0));
            } catch (BusErrorException | BackendException e) {
                return stop(QueueError.FETCH_ERROR, "inv_wait_dsc: no memory at the status address");
            }
        }
        if (InvalidationWait.IF.isSet(word0)) {
            long status = registers.get(CompletionStatus.OFFSET);
            registers.set(CompletionStatus.OFFSET, status | CompletionStatus.IWC.mask());
            if (!CompletionStatus.IWC.isSet(status)) {
                raise(EventControl.INVALIDATION_OFFSET);
            }
        }
        sink.handled("requests complete in order");
        return true;
    }

    /** Stops the queue at the descriptor that the head names, VT-d 6.5.2.11. Always false. */
    private boolean stop(int error, String reason) {
        long status = registers.get(FaultStatus.OFFSET);
        registers.set(FaultStatus.OFFSET, status | FaultStatus.IQE.mask());
        registers.set(QueueError.OFFSET, QueueError.IQEI.set(registers.get(QueueError.OFFSET), error));
        if ((status & errorBits()) == 0) {
            raise(EventControl.FAULT_OFFSET);
        }
        sink.refused(reason);
        return false;
    }

    private void raise(int control) {
        long value = registers.get(control);
        if (EventControl.IM.isSet(value)) {
            registers.set(control, value | EventControl.IP.mask());
        }
    }

    private void withdraw(int control) {
        registers.set(control, registers.get(control) & ~EventControl.IP.mask());
    }

    private void unmask(int control, long value) {
        if (!EventControl.IM.isSet(value)) {
            withdraw(control);
        }
    }

    // ---- what the guest invalidates; the bits that its unit does not have are ignored, VT-d 6.5.2.3

    private int domainMask() {
        return (1 << unit.domainIdBits()) - 1;
    }

    private boolean invalidateContext(int granularity, int domain, int sourceId, int functionMask) {
        switch (granularity) {
            case ContextCacheInvalidate.GLOBAL -> devices.invalidateAll(sink);
            case ContextCacheInvalidate.DOMAIN -> devices.invalidateDomain(domain & domainMask(), sink);
            case ContextCacheInvalidate.DEVICE ->
                devices.invalidateDevice(sourceId, ContextCacheInvalidate.ignoredSourceBits(functionMask), sink);
            default -> {
                return false;
            }
        }
        return true;
    }

    /** Turns an IOTLB command into a request; an empty text if it is done, else what is wrong. */
    private String invalidateIotlb(int granularity, int domain, int order, boolean leafOnly, long address) {
        return switch (granularity) {
            case IotlbInvalidate.GLOBAL -> outcome(invalidate(ALL_DOMAINS, 0, 0, 0, 0, NO_PAYLOAD));
            case IotlbInvalidate.DOMAIN -> invalidateGuestDomain(domain & domainMask());
            case IotlbInvalidate.PAGE ->
                invalidateGuestPages(domain & domainMask(), order, leafOnly, address & unit.addressMask());
            default -> "iotlb_inv_dsc: reserved granularity";
        };
    }

    private String invalidateGuestPages(int domain, int order, boolean leafOnly, long address) {
        if (!Cap.PSI.isSet(unit.cap()) || order > Cap.MAMV.getInt(unit.cap())) {
            return "iotlb_inv_dsc: the unit cannot select so many pages";
        }
        int width = devices.widthOf(domain);
        int shift = order + PAGE_SHIFT;
        if (shift >= width) {
            return invalidateGuestDomain(domain);
        }
        long first = (address >>> shift) << shift;
        if (first >>> width != 0) {
            sink.handled("beyond the width of the domain's tables nothing is cached");
            return "";
        }
        boolean done = invalidate(
                domain,
                Uapi.SCOPE_VADDR,
                Uapi.FLAGS_NO_PASID | (leafOnly ? Uapi.FLAGS_VADDR_LEAF : 0),
                first,
                1L << shift,
                payload(IotlbInvalidate.PAGE, first, order, leafOnly));
        // What the host cannot do by pages it may do for the domain: more, but never less.
        return done ? "" : invalidateGuestDomain(domain);
    }

    private String invalidateGuestDomain(int domain) {
        return outcome(invalidate(domain, 0, Uapi.FLAGS_NO_PASID, 0, 0, payload(IotlbInvalidate.DOMAIN, 0, 0, false)));
    }

    private static String outcome(boolean done) {
        return done ? "" : "the host did not carry out iotlb_inv_dsc";
    }

    /** The command again, as the vendor part of the request, without what the host owns. */
    private byte[] payload(int granularity, long address, int order, boolean leafOnly) {
        long high = IotlbInvalidate.ADDR.of(address)
                | IotlbInvalidate.AM.of(order)
                | (leafOnly ? IotlbInvalidate.IH.mask() : 0);
        return subVersion == VtdGeneration.LEGACY_REG
                ? RegisterImage.LAYOUT.encode(RegisterImage.IIRG.of(granularity) | RegisterImage.IVT.mask(), high)
                : IotlbInvalidate.LAYOUT.encode(
                        IotlbInvalidate.TYPE.of(VtdCommand.TYPE_IOTLB) | IotlbInvalidate.G.of(granularity), high);
    }

    private boolean invalidate(int domain, int scope, int flags, long vaddr, long size, byte[] payload) {
        if (domain == ALL_DOMAINS ? devices.isEmpty() : !devices.usesDomain(domain)) {
            sink.handled("no device is bound in the domain, so nothing is cached");
            return true;
        }
        Completion completion = sink.request(domain, writer.invalidate(scope, flags, 0, vaddr, size, payload));
        return completion.errno() == Errno.OK;
    }
}
