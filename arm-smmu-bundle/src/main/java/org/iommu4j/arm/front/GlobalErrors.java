package org.iommu4j.arm.front;

import org.iommu4j.arm.command.SmmuRegisters.Gerror;
import org.iommu4j.layout.BitField;
import org.iommu4j.simulation.register.RegisterFile;

/**
 * GERROR and GERRORN, IHI 0070 7.5: an error is active while its bits differ. The chip flips its bit only while the error is
 * inactive; software acknowledges by making its own bit equal.
 */
final class GlobalErrors {
    private final RegisterFile registers;
    private final InterruptMessage interrupt;

    GlobalErrors(RegisterFile registers, InterruptMessage interrupt) {
        this.registers = registers;
        this.interrupt = interrupt;
    }

    /** True while an error is active. */
    boolean isActive(BitField error) {
        return error.isSet(registers.get(Gerror.REGISTER) ^ registers.get(Gerror.ACKNOWLEDGED));
    }

    /** An error has occurred. */
    void raise(BitField error) {
        if (!isActive(error)) {
            registers.set(Gerror.REGISTER, registers.get(Gerror.REGISTER) ^ error.mask());
            // An abort of this interrupt's own message is not told by another.
            if (!error.equals(Gerror.MSI_GERROR_ABT_ERR)) {
                interrupt.raise();
            }
        }
    }
}
