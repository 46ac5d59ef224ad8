package org.iommu4j.arm.front;

import org.iommu4j.arm.command.SmmuRegisters.IrqCtrl;
import org.iommu4j.arm.command.SmmuRegisters.Message;
import org.iommu4j.backend.InterruptSink;
import org.iommu4j.simulation.register.RegisterFile;

/**
 * One interrupt, IHI 0070 3.18: while it is enabled it goes out as the message that its registers say, or on its line, if the
 * chip has no messages or the address is 0.
 */
final class InterruptMessage {
    /** Line of the event queue. */
    static final int LINE_EVENTS = 0;

    /** Line of the page request queue. */
    static final int LINE_PAGE_REQUESTS = 1;

    /** Line of a CMD_SYNC. */
    static final int LINE_SYNC = 2;

    /** Line of global errors. */
    static final int LINE_ERRORS = 3;

    private final RegisterFile registers;
    private final Message message;
    private final boolean messages;
    private final int line;
    private final InterruptSink sink;

    /**
     * An interrupt.
     *
     * @param messages IDR0.MSI
     */
    InterruptMessage(RegisterFile registers, Message message, boolean messages, int line, InterruptSink sink) {
        this.registers = registers;
        this.message = message;
        this.messages = messages;
        this.line = line;
        this.sink = sink;
    }

    /** The cause of the interrupt has appeared. */
    void raise() {
        if (!registers.isSet(IrqCtrl.ACK, message.enable())) {
            return;
        }
        long address = messages ? message.address().get(registers.get(message.addressRegister())) : 0;
        if (address != 0) {
            sink.raise(address, message.data().getInt(registers.get(message.dataRegister())));
        } else {
            sink.raise(0, line);
        }
    }

    /** PRIQ_IRQ_CFG2.LO: only the last request of a group is told. */
    boolean isOnLastOnly() {
        return messages && message.onLast().isSet(registers.get(message.attributesRegister()));
    }
}
