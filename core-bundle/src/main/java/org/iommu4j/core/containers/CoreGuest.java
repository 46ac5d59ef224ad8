package org.iommu4j.core.containers;

import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.contract.Errno;
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
    private final GatedBackend<GuestBackend> gated;
    private final Gate<GuestBackend> gate;

    /** A virtual IOMMU, which was made with {@code lease}. */
    public CoreGuest(GuestRequests sink, GuestBackend made, Lease lease) {
        this.sink = sink;
        this.gated = new GatedBackend<>(made, lease);
        this.gate = gated.gate();
    }

    /** The virtual IOMMU as the present backend made it, behind its gate. */
    public GatedBackend<GuestBackend> gated() {
        return gated;
    }

    /** Turns everybody away. */
    public void close() {
        gate.close();
        gated.lease().end();
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
        Route<GuestBackend> route = gate.enter();
        if (route != null) {
            try {
                carryOut(route.target, call);
            } finally {
                gate.leave(route);
            }
        } else {
            CoreUnit.expectRun(gate.run(made -> carryOut(made, call), Unit.DMA_WAIT_NANOS, null, 0));
        }
    }

    private static void carryOut(GuestBackend made, DecoderCall call) {
        if (made.decoder() == null) {
            throw new BackendException(Errno.ESTALE, "the virtual IOMMU was lost: " + made.lostBecause());
        }
        call.make(made.decoder());
    }

    @FunctionalInterface
    private interface DecoderCall {
        void make(GuestDecoder decoder);
    }
}
