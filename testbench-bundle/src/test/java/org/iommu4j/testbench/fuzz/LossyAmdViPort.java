package org.iommu4j.testbench.fuzz;

import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.AmdViRegisters.Rings;
import org.iommu4j.amd.command.CompletionWait;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;

/** A driver's way to an AMD IOMMU on which commands of one kind get lost: a wait for nothing takes the place of each. */
final class LossyAmdViPort implements NativePort {
    private static final long NOTHING = CompletionWait.OPCODE.of(AmdViCommand.OP_COMPLETION_WAIT);

    private final NativePort port;
    private final AmdViCommand lost;

    LossyAmdViPort(NativePort port, AmdViCommand lost) {
        this.port = port;
        this.lost = lost;
    }

    @Override
    public Platform platform() {
        return port.platform();
    }

    @Override
    public long readRegister(long offset, int sizeBytes) {
        return port.readRegister(offset, sizeBytes);
    }

    @Override
    public void writeRegister(long offset, int sizeBytes, long value) {
        if (offset == Rings.COMMAND_BUFFER.tail().offset()) {
            lose(value);
        }
        port.writeRegister(offset, sizeBytes, value);
    }

    private void lose(long tail) {
        PhysicalMemory memory = port.platform().memory();
        long base = port.read(Rings.COMMAND_BUFFER.base());
        long bytes = (long) AmdViCommand.BYTES << Rings.LENGTH.getInt(base);
        long at = port.read(Rings.COMMAND_BUFFER.head());
        while (at != tail % bytes) {
            long slot = Rings.BASE_ADDRESS.get(base) + at;
            if (AmdViCommand.opcodeOf(memory.readLongLe(slot)) == lost.opcode()) {
                memory.writeLongLe(slot, NOTHING);
                memory.writeLongLe(slot + Long.BYTES, 0);
            }
            at = (at + AmdViCommand.BYTES) % bytes;
        }
    }

    @Override
    public void call(NativeCall call) {
        port.call(call);
    }
}
