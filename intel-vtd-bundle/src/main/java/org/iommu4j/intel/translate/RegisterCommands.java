package org.iommu4j.intel.translate;

import java.nio.ByteBuffer;
import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.NativePort;
import org.iommu4j.contract.Errno;
import org.iommu4j.intel.command.ContextCacheInvalidate;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.ContextCommand;
import org.iommu4j.intel.command.VtdRegisters.InvalidateAddress;
import org.iommu4j.intel.command.VtdRegisters.Iotlb;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Register;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * Commands through CCMD, IVA and IOTLB, VT-d 6.5.1: each is complete when its start bit reads 0, and was refused if the
 * granularity that it reports is 0.
 */
final class RegisterCommands implements CommandPath {
    private final NativePort port;
    private final Register address;
    private final Register iotlb;
    private final long drain;
    private NativeCommandListener listener;
    private Errno failure = Errno.OK;

    RegisterCommands(ChipPort chip) {
        port = chip.port();
        address = InvalidateAddress.of(chip.ecap());
        iotlb = Iotlb.of(chip.ecap());
        drain = (Cap.DWD.isSet(chip.cap()) ? Iotlb.DW.mask() : 0) | (Cap.DRD.isSet(chip.cap()) ? Iotlb.DR.mask() : 0);
    }

    @Override
    public void contextGlobal() {
        context(ContextCommand.CIRG.of(ContextCacheInvalidate.GLOBAL));
    }

    @Override
    public void contextDevice(int domainId, int sourceId) {
        context(ContextCommand.CIRG.of(ContextCacheInvalidate.DEVICE)
                | ContextCommand.DID.of(domainId)
                | ContextCommand.SID.of(sourceId));
    }

    @Override
    public void everything() {
        contextGlobal();
        iotlb(Iotlb.IIRG.of(IotlbInvalidate.GLOBAL), 0);
    }

    @Override
    public void iotlbDomain(int domainId) {
        iotlb(Iotlb.IIRG.of(IotlbInvalidate.DOMAIN) | Iotlb.DID.of(domainId), 0);
    }

    @Override
    public void iotlbPages(int domainId, long first, int order, boolean leafOnly) {
        long where = InvalidateAddress.ADDR.of(first)
                | InvalidateAddress.AM.of(order)
                | (leafOnly ? InvalidateAddress.IH.mask() : 0);
        port.write(address, where);
        iotlb(Iotlb.IIRG.of(IotlbInvalidate.PAGE) | Iotlb.DID.of(domainId), where);
    }

    @Override
    public boolean reachesDevices() {
        return false;
    }

    @Override
    public void deviceTlb(int sourceId, long address, int order) {
        // No register starts a device-TLB invalidation; devices with a TLB are refused at bind. Never pretend.
        failure = Errno.EIO;
    }

    @Override
    public Errno finish() {
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
        out.section("registers").putBoolean(failure != Errno.OK);
    }

    /** Goes on from a saved state, perhaps with an error that the next {@link #finish} has to report. */
    static RegisterCommands load(ChipPort chip, SnapshotReader in) {
        RegisterCommands commands = new RegisterCommands(chip);
        commands.failure = in.getBoolean() ? Errno.EIO : Errno.OK;
        return commands;
    }

    private void context(long request) {
        long value = request | ContextCommand.ICC.mask();
        port.write(ContextCommand.REGISTER, value);
        if (listener != null) {
            listener.command(ByteBuffer.allocate(Long.BYTES).putLong(value).array());
        }
        long answer = await(ContextCommand.REGISTER, ContextCommand.ICC);
        if (ContextCommand.CAIG.get(answer) == 0) {
            fail(Errno.EIO);
        }
    }

    private void iotlb(long request, long where) {
        long value = request | drain | Iotlb.IVT.mask();
        port.write(iotlb, value);
        if (listener != null) {
            listener.command(ByteBuffer.allocate(2 * Long.BYTES)
                    .putLong(value)
                    .putLong(where)
                    .array());
        }
        long answer = await(iotlb, Iotlb.IVT);
        if (Iotlb.IAIG.get(answer) == 0) {
            fail(Errno.EIO);
        }
    }

    private long await(Register register, BitField busy) {
        for (int poll = 0; poll < ChipPort.MAX_POLLS; poll++) {
            long answer = port.read(register);
            if (!busy.isSet(answer)) {
                return answer;
            }
        }
        fail(Errno.ETIMEDOUT);
        return -1L;
    }

    private void fail(Errno errno) {
        if (failure == Errno.OK) {
            failure = errno;
        }
    }
}
