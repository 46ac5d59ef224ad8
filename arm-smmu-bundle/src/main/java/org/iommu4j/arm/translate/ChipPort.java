package org.iommu4j.arm.translate;

import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.command.SmmuRegisters.Cr0;
import org.iommu4j.arm.command.SmmuRegisters.Gerror;
import org.iommu4j.arm.command.SmmuRegisters.Idr0;
import org.iommu4j.arm.command.SmmuRegisters.Queue;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.NativePort;
import org.iommu4j.contract.Errno;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Register;

/** The chip's capabilities and the handshake of CR0, IHI 0070 6.3.9. */
final class ChipPort {
    /** Reads of a register before a chip counts as dead. */
    private static final int MAX_POLLS = 1000;

    private static final long NOTHING = 0xFFFF_FFFFL;

    private final NativePort port;
    private final SmmuCapabilities chip;

    /**
     * Reads the capabilities.
     *
     * @throws BackendException {@code EIO} if nothing answers
     */
    ChipPort(int subVersion, NativePort port) {
        this.port = port;
        long idr0 = port.read(Idr0.REGISTER);
        if (idr0 == 0 || idr0 == NOTHING) {
            throw new BackendException(Errno.EIO, "no SMMU answers: IDR0=0x" + Long.toHexString(idr0));
        }
        chip = SmmuCapabilities.read(subVersion, port);
    }

    /** Capabilities of the chip. */
    SmmuCapabilities capabilities() {
        return chip;
    }

    /** The chip's registers. */
    NativePort port() {
        return port;
    }

    /**
     * Turns a function on or off and waits until CR0ACK follows.
     *
     * @throws BackendException {@code EIO} if it does not
     */
    void enable(BitField function, boolean on) {
        long before = port.read(Cr0.REGISTER);
        long wanted = on ? before | function.mask() : before & ~function.mask();
        port.write(Cr0.REGISTER, wanted);
        for (int poll = 0; poll < MAX_POLLS; poll++) {
            if (port.read(Cr0.ACK) == wanted) {
                return;
            }
        }
        throw new BackendException(Errno.EIO, "the chip does not acknowledge CR0." + function.name());
    }

    /**
     * Writes a position of a queue that is in page 1, and at the same offset of page 0: it is a chip's only place (E11 of
     * docs/spec/arm-smmu.md 7), an alias, or nothing.
     */
    void writePosition(Register position, int value) {
        port.write(position, value);
        port.writeRegister(position.offset() - Queue.PAGE_1, position.widthBytes(), value);
    }

    /** True if the command queue has stopped at an error. */
    boolean hasQueueError() {
        return Gerror.CMDQ_ERR.isSet(port.read(Gerror.REGISTER) ^ port.read(Gerror.ACKNOWLEDGED));
    }

    /** Acknowledges every global error. */
    void acknowledgeErrors() {
        port.write(Gerror.ACKNOWLEDGED, port.read(Gerror.REGISTER));
    }
}
