package org.iommu4j.intel.hardware;

import org.iommu4j.backend.InterruptSink;
import org.iommu4j.intel.command.VtdRegisters.EventControl;
import org.iommu4j.simulation.register.RegisterFile;

/**
 * One message-signalled event with its control, data, address and upper address registers, VT-d 7.3: a masked message
 * waits as IP until software clears the mask or every cause.
 */
final class EventMessage {
    private static final int DATA = 4;
    private static final int ADDRESS = 8;
    private static final int UPPER_ADDRESS = 12;

    private final RegisterFile registers;
    private final int control;
    private final boolean hasUpperAddress;
    private final InterruptSink sink;

    /**
     * An event.
     *
     * @param control offset of its control register
     * @param hasUpperAddress true if the upper address register exists
     */
    EventMessage(RegisterFile registers, int control, boolean hasUpperAddress, InterruptSink sink) {
        this.registers = registers;
        this.control = control;
        this.hasUpperAddress = hasUpperAddress;
        this.sink = sink;
        registers.onWrite(control, (before, after, written, lanes) -> controlWritten(after));
    }

    /** The first cause has appeared: sends the message, or keeps it while it is masked. */
    void raise() {
        long value = registers.get(control);
        if (EventControl.IM.isSet(value)) {
            registers.set(control, value | EventControl.IP.mask());
        } else {
            send();
        }
    }

    /** Every cause is gone: a message that waits is not sent. */
    void withdraw() {
        registers.set(control, registers.get(control) & ~EventControl.IP.mask());
    }

    private void controlWritten(long value) {
        if (EventControl.IP.isSet(value) && !EventControl.IM.isSet(value)) {
            withdraw();
            send();
        }
    }

    private void send() {
        long upper = hasUpperAddress ? registers.get(control + UPPER_ADDRESS) : 0;
        sink.raise(upper << Integer.SIZE | registers.get(control + ADDRESS), (int) registers.get(control + DATA));
    }
}
