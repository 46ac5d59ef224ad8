package org.iommu4j.amd.front;

import org.iommu4j.amd.command.AmdViRegisters.Msi;
import org.iommu4j.backend.InterruptSink;
import org.iommu4j.simulation.register.RegisterFile;

/** The messages of a unit: sent where the MSI capability says, nowhere while it is off. */
final class Interrupts {
    private final RegisterFile registers;
    private final InterruptSink sink;

    Interrupts(RegisterFile registers, InterruptSink sink) {
        this.registers = registers;
        this.sink = sink;
    }

    /** Sends the message. */
    void raise() {
        if (registers.isSet(Msi.CONTROL_REGISTER, Msi.ENABLE)) {
            long address = registers.get(Msi.UPPER_ADDRESS_REGISTER) << Integer.SIZE
                    | registers.get(Msi.ADDRESS_REGISTER, Msi.ADDRESS);
            sink.raise(address, (int) registers.get(Msi.DATA_REGISTER, Msi.MESSAGE));
        }
    }
}
