package org.iommu4j.core.containers;

import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.contract.Errno;
import org.iommu4j.core.backends.BackendEntry;
import org.iommu4j.core.backends.Contained;
import org.iommu4j.core.gate.Gate;
import org.iommu4j.core.gate.Route;
import org.iommu4j.core.lease.Lease;
import org.iommu4j.core.service.Guest;
import org.iommu4j.core.service.Unit;

/**
 * A virtual IOMMU behind a gate of its own: a decoder calls back into containers, so that it cannot be called inside the
 * unit's. A swap holds this gate first and the unit's after it, so that a call that is inside can end.
 */
public final class CoreGuest implements Guest {
    private final GuestRequests sink;
    private final Gate<Seat> gate;

    /** What is left while no backend serves; guarded by the registry's lock. */
    private SavedUnit saved;

    /** The machine as the present backend has it, or the last one had; changed under the registry's lock. */
    private volatile Lease lease;

    private boolean slotAbandoned;

    /**
     * What stands behind the gate.
     *
     * @param backend who made it
     * @param decoder the virtual IOMMU; null if its state was lost
     * @param lostBecause why it was lost; empty if it was not
     */
    public record Seat(BackendEntry backend, GuestDecoder decoder, String lostBecause) {
        /** The decoder throws nothing but {@link BackendException} from here on. */
        public Seat {
            decoder = decoder == null ? null : Contained.decoder(decoder, backend);
        }
    }

    /** A virtual IOMMU, which was made with {@code lease}. */
    public CoreGuest(GuestRequests sink, Seat seat, Lease lease) {
        this.sink = sink;
        this.lease = lease;
        this.gate = new Gate<>(seat);
    }

    /** Its gate. */
    public Gate<Seat> gate() {
        return gate;
    }

    /** The machine as the present backend has it, or the last one had. Under the registry's lock. */
    public Lease lease() {
        return lease;
    }

    /** Another backend has the machine from now on. Under the registry's lock. */
    public void lease(Lease next) {
        lease = next;
    }

    /** What is left of it while no backend serves; null if one does. Under the registry's lock. */
    public SavedUnit saved() {
        return saved;
    }

    /** Keeps what is left, or null. Under the registry's lock. */
    public void keep(SavedUnit state) {
        saved = state;
    }

    /** True if a call never came out of the gate and keeps the slot. While the gate is held. */
    public boolean slotIsAbandoned() {
        return slotAbandoned;
    }

    /** Notes whether a call never came out. While the gate is held. */
    public void abandonSlot(boolean abandoned) {
        slotAbandoned = abandoned;
    }

    /** Turns everybody away. */
    public void close() {
        gate.close();
        lease.end();
    }

    @Override
    public long readRegister(long offset, int sizeBytes) {
        long[] value = new long[1];
        inside(decoder -> value[0] = decoder.readRegister(offset, sizeBytes));
        return value[0];
    }

    @Override
    public void writeRegister(long offset, int sizeBytes, long value) {
        inside(decoder -> decoder.writeRegister(offset, sizeBytes, value, sink));
    }

    @Override
    public void command(byte[] bytes) {
        inside(decoder -> decoder.command(bytes, sink));
    }

    @Override
    public void call(NativeCall call) {
        inside(decoder -> decoder.call(call, sink));
    }

    @Override
    public void deviceAccess(int requester) {
        inside(decoder -> decoder.deviceAccess(requester, sink));
    }

    @Override
    public String commandName(byte[] bytes) {
        String[] name = new String[1];
        inside(decoder -> name[0] = decoder.commandName(bytes));
        return name[0] == null ? "unknown" : name[0];
    }

    private void inside(DecoderCall call) {
        Route<Seat> route = gate.enter();
        if (route != null) {
            try {
                carryOut(route.target, call);
            } finally {
                gate.leave(route);
            }
        } else {
            CoreUnit.expectRun(gate.run(seat -> carryOut(seat, call), Unit.DMA_WAIT_NANOS, null, 0));
        }
    }

    private static void carryOut(Seat seat, DecoderCall call) {
        if (seat.decoder() == null) {
            throw new BackendException(Errno.ESTALE, "the virtual IOMMU was lost: " + seat.lostBecause());
        }
        call.make(seat.decoder());
    }

    @FunctionalInterface
    private interface DecoderCall {
        void make(GuestDecoder decoder);
    }
}
