package org.iommu4j.s390.front;

import java.util.ArrayDeque;
import java.util.function.Consumer;
import org.iommu4j.s390.command.AvailabilityRecord;
import org.iommu4j.s390.command.ErrorRecord;
import org.iommu4j.s390.command.EventCode;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/** Events of functions that wait to be taken, docs/spec/s390-zpci.md 3.4. */
final class FunctionEvents {
    /** Events that wait at most; later ones are lost, as the functions' states are not. */
    private static final int MOST_EVENTS = 4096;

    private final ArrayDeque<byte[]> events = new ArrayDeque<>();

    /**
     * A function ran into an error.
     *
     * @param write true if the access was a write
     * @param expectedType type of the table entry that was expected
     * @return true if the event waits to be taken
     */
    boolean error(PciFunction function, EventCode code, long address, boolean write, int expectedType) {
        return add(ErrorRecord.of(function.handle(), function.index(), expectedType, write, address, code.code()));
    }

    /** A function came, went or is asked to go. */
    void available(PciFunction function, EventCode code) {
        add(AvailabilityRecord.of(function.handle(), function.index(), code.code()));
    }

    private boolean add(byte[] event) {
        return events.size() < MOST_EVENTS && events.add(event);
    }

    /** Takes all, oldest first. */
    void take(Consumer<byte[]> sink) {
        while (!events.isEmpty()) {
            sink.accept(events.remove());
        }
    }

    void save(SnapshotWriter out) {
        out.putInt(events.size());
        events.forEach(out::putBytes);
    }

    void load(SnapshotReader in) {
        int pending = in.getCount(MOST_EVENTS);
        for (int i = 0; i < pending; i++) {
            byte[] event = in.getBytes();
            if (event.length != ErrorRecord.BYTES) {
                throw in.invalid("event of " + event.length + " bytes");
            }
            events.add(event);
        }
    }
}
