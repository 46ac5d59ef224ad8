package org.iommu4j.arm;

import org.iommu4j.arm.command.EventType;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.command.SmmuRegisters.IrqCtrl;
import org.iommu4j.arm.command.SmmuRegisters.Message;
import org.iommu4j.arm.fuzz.SmmuFuzzSupport;
import org.iommu4j.backend.BenchSupport;
import org.iommu4j.backend.FuzzSupport;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativePort;

/** Knowledge of an SMMU for the test bench. */
final class SmmuBenchSupport implements BenchSupport {
    private static final long MESSAGE_ADDRESS = 0x0802_0040L;
    private static final int EVENT_MESSAGE = 0x40;
    private static final int ERROR_MESSAGE = 0x41;

    @Override
    public FuzzSupport fuzz() {
        return new SmmuFuzzSupport();
    }

    @Override
    public int hostAddressWidth(HardwareConfig config) {
        return SmmuCapabilities.of(config).outputBits();
    }

    @Override
    public String faultName(int code) {
        EventType type = EventType.of(code);
        return type == null ? "" : type.name();
    }

    @Override
    public int eventCode(byte[] record) {
        return SmmuFormats.eventCode(record);
    }

    @Override
    public void enableInterrupts(NativePort port) {
        address(port, Message.EVENTQ, EVENT_MESSAGE);
        address(port, Message.GERROR, ERROR_MESSAGE);
        port.write(IrqCtrl.REGISTER, IrqCtrl.EVENTQ.mask() | IrqCtrl.GERROR.mask());
    }

    private static void address(NativePort port, Message message, int data) {
        port.write(message.addressRegister(), MESSAGE_ADDRESS);
        port.write(message.dataRegister(), data);
    }
}
