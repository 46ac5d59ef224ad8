package org.iommu4j.backend;

import org.iommu4j.layout.Register;
import org.osgi.annotation.versioning.ProviderType;

/** A driver's view of its chip: memory, registers and calls, nothing else. */
@ProviderType
public interface NativePort {
    /** The machine around the chip. */
    Platform platform();

    /**
     * Reads a register.
     *
     * @param offset in bytes from the start of the register block
     * @param sizeBytes 4 or 8
     */
    long readRegister(long offset, int sizeBytes);

    /** Writes a register; the chip has acted on it when this returns. */
    void writeRegister(long offset, int sizeBytes, long value);

    /** Reads a whole register. */
    default long read(Register register) {
        return readRegister(register.offset(), register.widthBytes()) & -1L >>> (Long.SIZE - register.widthBits());
    }

    /** Writes a whole register; the chip has acted on it when this returns. */
    default void write(Register register, long value) {
        writeRegister(register.offset(), register.widthBytes(), value);
    }

    /** Makes a hypercall or executes an instruction; the outcome stands in {@code call}. */
    void call(NativeCall call);
}
