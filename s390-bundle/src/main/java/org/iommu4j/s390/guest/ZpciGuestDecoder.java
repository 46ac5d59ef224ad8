package org.iommu4j.s390.guest;

import java.util.Map;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.s390.command.BindPgtable;
import org.iommu4j.s390.command.ErrorRecord;
import org.iommu4j.s390.command.EventCode;
import org.iommu4j.s390.command.FunctionControl;
import org.iommu4j.s390.command.FunctionHandle;
import org.iommu4j.s390.command.InvalidateData;
import org.iommu4j.s390.command.RequestRegister;
import org.iommu4j.s390.command.Status;
import org.iommu4j.s390.command.ZpciCapabilities;
import org.iommu4j.s390.command.ZpciInstruction;
import org.iommu4j.s390.command.ZpciSettings;
import org.iommu4j.s390.front.AddressTranslation;
import org.iommu4j.s390.front.FunctionState;
import org.iommu4j.s390.front.PciFacility;
import org.iommu4j.s390.front.PciFunction;
import org.iommu4j.s390.table.TableWalker;
import org.iommu4j.simulation.config.SettingValues;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The PCI functions of a virtual machine. A guest enables and disables them and gets handles of its own; registering address
 * translation binds the guest's table in the container of the function, RPCIT invalidates there. Each function is a domain of its
 * own, named by its index. What the host does not carry out ends in the status that a guest expects: it is never acknowledged.
 *
 * <p>An error of the host's function puts the guest's into the error state, until the guest recovers it. Not modelled: what the
 * facility leaves out.
 */
public final class ZpciGuestDecoder implements GuestDecoder, AddressTranslation {
    /** Version of the state that {@link #save} writes. */
    public static final int STATE_VERSION = 1;

    /** Oldest version of the state that {@link #restore} reads. */
    public static final int STATE_OLDEST_READ = 1;

    private static final long PAGE_OFFSET = 0xfff;

    private final ZpciCapabilities unit;
    private final PciFacility facility;
    private final RequestWriter writer;
    private final TableWalker walker;

    /** Takes the requests of the current call. */
    private GuestRequests sink;

    private boolean asked;

    /**
     * Virtual functions fresh from reset.
     *
     * @param config what the guest sees: generation, capabilities, states of functions
     * @throws BackendException as {@link ZpciCapabilities#of}
     */
    public ZpciGuestDecoder(HardwareConfig config, PhysicalMemory memory) {
        SettingValues chosen = ZpciSettings.TABLE.read(config);
        unit = ZpciCapabilities.of(chosen);
        facility = new PciFacility(
                unit,
                memory,
                this,
                FunctionState.fromReset(chosen.text(ZpciSettings.FUNCTION_STATES), unit.functions()));
        writer = new RequestWriter(Abi.LP64_LE, IommuModel.S390, config.subVersion());
        walker = new TableWalker(memory, unit.largeFrames());
    }

    /**
     * Goes on where other virtual functions stopped. Sends nothing.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for a state version that is not read, {@code EINVAL} for a damaged state
     */
    public static ZpciGuestDecoder restore(Snapshot state, PhysicalMemory memory) {
        SnapshotReader in = new SnapshotReader(state)
                .require(IommuModel.S390, Snapshot.Kind.GUEST, STATE_OLDEST_READ, STATE_VERSION);
        in.section("unit");
        int subVersion = in.getInt();
        Map<String, Long> capabilities = in.getNamedLongs();
        in.endSection();
        ZpciGuestDecoder decoder = new ZpciGuestDecoder(
                new HardwareConfig(subVersion, Map.of("clp", capabilities), Map.of(), CacheConfig.NONE, Map.of()),
                memory);
        in.section("functions", decoder.facility::load);
        return decoder;
    }

    @Override
    public long readRegister(long offset, int sizeBytes) {
        return 0;
    }

    @Override
    public void writeRegister(long offset, int sizeBytes, long value, GuestRequests requests) {
        requests.refused("zPCI has instructions, no registers");
    }

    @Override
    public void command(byte[] bytes, GuestRequests requests) {
        requests.refused("zPCI has instructions, no queue");
    }

    @Override
    public void call(NativeCall call, GuestRequests requests) {
        sink = requests;
        asked = false;
        facility.call(call);
        if (call.result() != ZpciInstruction.DONE) {
            requests.refused(name(call) + " ended with " + outcome(call));
        } else if (!asked) {
            requests.handled("the virtual machine's own functions do it");
        }
    }

    @Override
    public void deviceAccess(int requester, GuestRequests requests) {
        // A guest announces everything by instructions; nothing is left to be found out.
    }

    /** Errors of accesses and tables; a function that has stopped already tells of no further one. */
    @Override
    public void deviceEvent(byte[] record, GuestRequests requests) {
        EventCode code = EventCode.of(ErrorRecord.codeOf(record));
        if (code == null || !code.stops()) {
            return;
        }
        long[] error = ErrorRecord.LAYOUT.decode(record, 0);
        PciFunction function = facility.at(FunctionHandle.indexOf((int) ErrorRecord.HANDLE.get(error)));
        if (function != null && function.state() == FunctionState.ENABLED && function.registered()) {
            facility.error(function, code, ErrorRecord.FADDR.get(error), ErrorRecord.RW.get(error) != 0, (int)
                    ErrorRecord.ETT.get(error));
        }
    }

    @Override
    public Snapshot save() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.S390, Snapshot.Kind.GUEST, STATE_VERSION);
        out.section("unit").putInt(unit.subVersion()).putNamedLongs(unit.changed());
        facility.save(out.section("functions"));
        return out.build();
    }

    @Override
    public String commandName(byte[] bytes) {
        int opcode = bytes.length < Short.BYTES ? 0 : (bytes[0] & 0xff) << Byte.SIZE | (bytes[1] & 0xff);
        return opcode == ZpciInstruction.RPCIT ? "rpcit" : "unknown";
    }

    // ---- address translation of the functions

    @Override
    public int register(PciFunction function, long pba, long pal, long iota, boolean again) {
        if (!again) {
            sink.move(function.handle(), function.index());
        }
        Errno errno = request(function, bind(function, iota, pba, pal, 0));
        if (errno != Errno.OK && !again) {
            sink.move(function.handle(), -1);
        }
        return errno == Errno.EIO || errno == Errno.EOPNOTSUPP || errno == Errno.EINVAL
                ? Status.RESOURCE
                : status(errno);
    }

    @Override
    public int unregister(PciFunction function) {
        Errno errno = request(
                function, bind(function, function.iota(), function.pba(), function.pal(), Uapi.BIND_FLAG_UNBIND));
        if (errno == Errno.OK) {
            sink.move(function.handle(), -1);
        }
        return status(errno);
    }

    @Override
    public int recover(PciFunction function) {
        // The host's function may be in error too: bound anew it is at work again.
        return function.registered()
                ? status(request(function, bind(function, function.iota(), function.pba(), function.pal(), 0)))
                : DONE;
    }

    @Override
    public int refresh(PciFunction function, long first, long last) {
        boolean everything = first == function.pba() && last == function.pal();
        long from = everything ? 0 : first & ~PAGE_OFFSET;
        long size = everything ? 0 : (last | PAGE_OFFSET) - from + 1;
        byte[] payload = InvalidateData.of(0, everything ? InvalidateData.ALL : InvalidateData.RANGE, function.iota());
        Errno errno = request(
                function,
                writer.invalidate(everything ? 0 : Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0, from, size, payload));
        return errno == Errno.EIO ? tableError(function, first & ~PAGE_OFFSET, last) : status(errno);
    }

    private Errno request(PciFunction function, byte[] bytes) {
        asked = true;
        return sink.request(function.index(), bytes).errno();
    }

    private byte[] bind(PciFunction function, long iota, long pba, long pal, int flags) {
        return writer.bind(Uapi.BIND_PGTABLE, flags, BindPgtable.of(function.handle(), iota, pba, pal));
    }

    /** The host says only that it failed: the guest's own tables say whether they are why. */
    private int tableError(PciFunction function, long first, long last) {
        long at = first;
        while (true) {
            int outcome = walker.walk(function.iota(), at, null);
            if (outcome > TableWalker.MAPPED) {
                facility.error(function, EventCode.of(outcome), at, false, walker.level());
                return Status.FUNCTION_IN_ERROR;
            }
            long end = at | (1L << walker.shift()) - 1;
            if (Long.compareUnsigned(end, last) >= 0) {
                return Status.NOT_AVAILABLE;
            }
            at = end + 1;
        }
    }

    private static int status(Errno errno) {
        return switch (errno) {
            case OK -> DONE;
            case EBUSY -> BUSY;
            case ENOMEM, ENOSPC -> Status.INSUFFICIENT_RESOURCES;
            default -> Status.NOT_AVAILABLE;
        };
    }

    private static String name(NativeCall call) {
        return switch (call.function()) {
            case ZpciInstruction.RPCIT -> "RPCIT";
            case ZpciInstruction.MPCIFC -> "MPCIFC " + operation(call);
            case ZpciInstruction.STPCIFC -> "STPCIFC";
            case ZpciInstruction.CLP -> "CLP";
            case ZpciInstruction.SIC -> "SIC";
            default -> "instruction 0x" + Integer.toHexString(call.function());
        };
    }

    private static String operation(NativeCall call) {
        int operation = RequestRegister.OPERATION.getInt(call.word(ZpciInstruction.R1));
        return FunctionControl.CODES.stream()
                .filter(code -> code.value() == operation)
                .map(code -> code.meaning())
                .findFirst()
                .orElse(Integer.toString(operation));
    }

    private static String outcome(NativeCall call) {
        if (call.result() < 0) {
            return "program interruption 0x" + Long.toHexString(-call.result());
        }
        return "condition code " + call.result() + ", status "
                + RequestRegister.STATUS.get(call.word(ZpciInstruction.R1));
    }
}
