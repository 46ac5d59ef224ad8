package org.iommu4j.intel.front;

import org.iommu4j.backend.InterruptSink;
import org.iommu4j.intel.command.VtdRegisters.EventControl;
import org.iommu4j.intel.command.VtdRegisters.EventRegisters;
import org.iommu4j.simulation.register.RegisterFile;

/**
 * One message-signalled event with its control, data, address and upper address registers, VT-d 7.3: a masked message
 * waits as IP until software clears the mask or every cause.
 */
final class EventMessage {
    private final RegisterFile registers;
    private final EventRegisters event;
    private final boolean hasUpperAddress;
    private final InterruptSink sink;

    /**
     * An event.
     *
     * @param hasUpperAddress true if the upper address register exists
     */
    EventMessage(RegisterFile registers, EventRegisters event, boolean hasUpperAddress, InterruptSink sink) {
        this.registers = registers;
        this.event = event;
        this.hasUpperAddress = hasUpperAddress;
        this.sink = sink;
        registers.onWrite(event.control(), (before, after, written, lanes) -> controlWritten(after));
    }

    /** The first cause has appeared: sends the message, or keeps it while it is masked. */
    void raise() {
        if (registers.isSet(event.control(), EventControl.IM)) {
            registers.set(event.control(), EventControl.IP, true);
        } else {
            send();
        }
    }

    /** Every cause is gone: a message that waits is not sent. */
    void withdraw() {
        registers.set(event.control(), EventControl.IP, false);
    }

    private void controlWritten(long value) {
        if (EventControl.IP.isSet(value) && !EventControl.IM.isSet(value)) {
            withdraw();
            send();
        }
    }

    private void send() {
        long upper = hasUpperAddress ? registers.get(event.upperAddress()) : 0;
        sink.raise(upper << Integer.SIZE | registers.get(event.address()), (int) registers.get(event.data()));
    }
}
