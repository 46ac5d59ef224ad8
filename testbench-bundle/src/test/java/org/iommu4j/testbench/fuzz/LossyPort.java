package org.iommu4j.testbench.fuzz;

import java.util.function.LongConsumer;
import java.util.function.Predicate;
import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.AmdViRegisters.Rings;
import org.iommu4j.amd.command.CompletionWait;
import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuRegisters.Queue;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;

/** A driver's way to a chip on which commands of one kind get lost: one that drops nothing takes the place of each. */
final class LossyPort implements NativePort {
    private final NativePort port;
    private final long doorbell;
    private final LongConsumer lose;
    private final Predicate<NativeCall> lost;

    /**
     * A way to a chip.
     *
     * @param doorbell offset of the register that tells the chip of new commands
     * @param lose loses some of the commands up to the value that is about to be written there
     */
    private LossyPort(NativePort port, long doorbell, LongConsumer lose) {
        this(port, doorbell, lose, call -> false);
    }

    private LossyPort(NativePort port, long doorbell, LongConsumer lose, Predicate<NativeCall> lost) {
        this.port = port;
        this.lost = lost;
        this.doorbell = doorbell;
        this.lose = lose;
    }

    /** To a chip that is driven by calls: those that are lost look as if they had been carried out. */
    static NativePort withoutCalls(Predicate<NativeCall> lost, NativePort port) {
        return new LossyPort(port, -1, tail -> {}, lost);
    }

    /** To an SMMU. */
    static NativePort without(SmmuCommand lost, NativePort port) {
        return new LossyPort(port, Queue.COMMANDS.producer().offset(), tail -> loseUntil(tail, lost, port));
    }

    /** To an AMD IOMMU. */
    static NativePort without(AmdViCommand lost, NativePort port) {
        return new LossyPort(port, Rings.COMMAND_BUFFER.tail().offset(), tail -> loseUntil(tail, lost, port));
    }

    private static void loseUntil(long tail, SmmuCommand lost, NativePort port) {
        PhysicalMemory memory = port.platform().memory();
        Queue queue = Queue.COMMANDS;
        long base = port.read(queue.baseRegister());
        long mask = (1L << queue.log2Size().getInt(base)) - 1;
        long at = queue.read().get(port.read(queue.consumer()));
        while ((at & mask) != (tail & mask)) {
            long slot = queue.address().get(base) + (at & mask) * CommandFields.COMMAND_BYTES;
            if (SmmuCommand.opcodeOf(memory.readLongLe(slot)) == lost.opcode()) {
                put(memory, slot, SmmuCommand.SYNC.word());
            }
            at++;
        }
    }

    private static void loseUntil(long tail, AmdViCommand lost, NativePort port) {
        PhysicalMemory memory = port.platform().memory();
        long base = port.read(Rings.COMMAND_BUFFER.base());
        long bytes = (long) AmdViCommand.BYTES << Rings.LENGTH.getInt(base);
        long at = port.read(Rings.COMMAND_BUFFER.head());
        while (at != tail % bytes) {
            long slot = Rings.BASE_ADDRESS.get(base) + at;
            if (AmdViCommand.opcodeOf(memory.readLongLe(slot)) == lost.opcode()) {
                put(memory, slot, CompletionWait.OPCODE.of(AmdViCommand.OP_COMPLETION_WAIT));
            }
            at = (at + AmdViCommand.BYTES) % bytes;
        }
    }

    private static void put(PhysicalMemory memory, long slot, long word0) {
        memory.writeLongLe(slot, word0);
        memory.writeLongLe(slot + Long.BYTES, 0);
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
        if (offset == doorbell) {
            lose.accept(value);
        }
        port.writeRegister(offset, sizeBytes, value);
    }

    @Override
    public void call(NativeCall call) {
        if (lost.test(call)) {
            call.result(0);
        } else {
            port.call(call);
        }
    }
}
