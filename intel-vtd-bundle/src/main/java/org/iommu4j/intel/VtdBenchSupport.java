package org.iommu4j.intel;

import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BenchSupport;
import org.iommu4j.backend.FuzzSupport;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativePort;
import org.iommu4j.contract.Errno;
import org.iommu4j.intel.command.FaultReason;
import org.iommu4j.intel.command.FaultRecord;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.EventControl;
import org.iommu4j.intel.command.VtdRegisters.EventRegisters;
import org.iommu4j.intel.command.VtdRegisters.FaultRecordRegisters;
import org.iommu4j.intel.command.VtdRegisters.InvalidateAddress;

/**
 * The test bench's parts of VT-d: fault names, interrupts, registers that move.
 *
 * @param fuzz the fuzzer's parts
 */
record VtdBenchSupport(FuzzSupport fuzz) implements BenchSupport {
    /** Offset of the first fault record in the text of case files. */
    private static final long WRITTEN_FRO = 0x120;

    /** Offset of IVA in the text of case files; IOTLB is at 0x108. */
    private static final long WRITTEN_IRO = 0x100;

    private static final long MESSAGE_ADDRESS = 0xfee0_0000L;
    private static final int FAULT_VECTOR = 0x40;
    private static final int INVALIDATION_VECTOR = 0x41;

    /** Legacy mode with a queue, for which most cases are written. */
    @Override
    public int generation() {
        return VtdGeneration.LEGACY_QI;
    }

    @Override
    public int hostAddressWidth(HardwareConfig config) {
        int bits = VtdCapabilities.of(config).mgawBits();
        return Math.max(LEAST_HOST_ADDRESS_WIDTH, Math.min(MOST_HOST_ADDRESS_WIDTH, bits));
    }

    @Override
    public String faultName(int code) {
        FaultReason reason = FaultReason.of(code);
        return reason == null ? "" : reason.name();
    }

    @Override
    public int eventCode(byte[] record) {
        return record.length == FaultRecord.BYTES
                ? FaultRecord.FR.getInt(FaultRecord.LAYOUT.word(record, 0, FaultRecord.FR.word()))
                : -1;
    }

    @Override
    public void enableInterrupts(NativePort port) {
        enable(port, EventControl.FAULT, FAULT_VECTOR);
        enable(port, EventControl.INVALIDATION, INVALIDATION_VECTOR);
    }

    private static void enable(NativePort port, EventRegisters event, int vector) {
        port.write(event.data(), vector);
        port.write(event.address(), MESSAGE_ADDRESS);
        port.write(event.control(), 0);
    }

    @Override
    public long relocated(String anchor, long offset, NativePort port) {
        return switch (anchor) {
            case "FRO" ->
                offset
                        - WRITTEN_FRO
                        + FaultRecordRegisters.low(port.read(Cap.REGISTER), 0).offset();
            case "IRO" ->
                offset
                        - WRITTEN_IRO
                        + InvalidateAddress.of(port.read(Ecap.REGISTER)).offset();
            default ->
                throw new BackendException(Errno.EINVAL, "no registers move with " + anchor + "; known: FRO, IRO");
        };
    }
}
