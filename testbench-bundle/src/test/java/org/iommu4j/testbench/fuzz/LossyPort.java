package org.iommu4j.testbench.fuzz;

import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuRegisters.Queue;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;

/** A driver's way to an SMMU on which commands of one kind get lost: a CMD_SYNC takes the place of each. */
final class LossyPort implements NativePort {
    private static final Queue QUEUE = Queue.COMMANDS;

    private final NativePort port;
    private final SmmuCommand lost;

    LossyPort(NativePort port, SmmuCommand lost) {
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
        if (offset == QUEUE.producer().offset()) {
            lose(value);
        }
        port.writeRegister(offset, sizeBytes, value);
    }

    private void lose(long tail) {
        PhysicalMemory memory = port.platform().memory();
        long base = port.read(QUEUE.baseRegister());
        long mask = (1L << QUEUE.log2Size().getInt(base)) - 1;
        long ring = QUEUE.address().get(base);
        long at = QUEUE.read().get(port.read(QUEUE.consumer()));
        while ((at & mask) != (tail & mask)) {
            long slot = ring + (at & mask) * CommandFields.COMMAND_BYTES;
            if (SmmuCommand.opcodeOf(memory.readLongLe(slot)) == lost.opcode()) {
                memory.writeLongLe(slot, SmmuCommand.SYNC.word());
                memory.writeLongLe(slot + Long.BYTES, 0);
            }
            at++;
        }
    }

    @Override
    public void call(NativeCall call) {
        port.call(call);
    }
}
