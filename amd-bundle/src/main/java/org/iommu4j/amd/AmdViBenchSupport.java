package org.iommu4j.amd;

import org.iommu4j.amd.command.AmdViEvent;
import org.iommu4j.amd.command.AmdViRegisters.Msi;
import org.iommu4j.amd.fuzz.AmdViFuzzSupport;
import org.iommu4j.backend.BenchSupport;
import org.iommu4j.backend.FuzzSupport;
import org.iommu4j.backend.NativePort;

/** Knowledge of AMD-Vi for the test bench. A fault code is that of the event. */
final class AmdViBenchSupport implements BenchSupport {
    private static final long MESSAGE_ADDRESS = 0xfee0_0000L;
    private static final int VECTOR = 0x40;

    @Override
    public FuzzSupport fuzz() {
        return new AmdViFuzzSupport();
    }

    @Override
    public String faultName(int code) {
        AmdViEvent event = AmdViEvent.of(code);
        return event == null ? "" : event.name();
    }

    @Override
    public int eventCode(byte[] record) {
        return AmdViFormats.code(record);
    }

    @Override
    public void enableInterrupts(NativePort port) {
        port.write(Msi.DATA_REGISTER, VECTOR);
        port.write(Msi.ADDRESS_REGISTER, MESSAGE_ADDRESS);
        port.write(Msi.CONTROL_REGISTER, Msi.ENABLE.mask());
    }
}
