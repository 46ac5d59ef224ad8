package org.iommu4j.core.containers;

import java.util.function.IntSupplier;
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
 *
 * <p>A call whose requests take long need not end for that. What it has to do with the unit are contract bytes and how far they
 * have come, which the container has; so the unit goes to the new backend, the request goes on there, and the virtual IOMMU
 * itself {@linkplain GatedBackend#lagging follows} when the call has come out.
 */
public final class CoreGuest implements Guest {
    /** The virtual IOMMU for whose call a thread works that is not inside it. */
    private static final ThreadLocal<CoreGuest> REPRESENTED = new ThreadLocal<>();

    /** Longest wait in nanoseconds to tell something: it can come later, and a device waits meanwhile. */
    private static final long EVENT_WAIT_NANOS = 100_000_000L;

    private final CoreUnit unit;
    private final GuestNotices notices = new GuestNotices(this::takes);
    private final GuestRequests sink;
    private final GatedBackend<GuestBackend> gated;
    private final Gate<GuestBackend> gate;

    /** True if the call inside stands before its unit's gate, or has stood there: a swap need not wait for it. */
    private volatile boolean away;

    /** True if the call inside has to come out: the backend leaves with the code that stands on the stack. */
    private volatile boolean recalled;

    /** A virtual IOMMU in front of a unit, which was made with {@code lease}. */
    public CoreGuest(CoreUnit unit, GuestRequests sink, GuestBackend made, Lease lease) {
        this.unit = unit;
        this.sink = sink;
        this.gated = new GatedBackend<>(made, lease);
        this.gate = gated.gate();
    }

    /** The virtual IOMMU as the present backend made it, behind its gate. */
    public GatedBackend<GuestBackend> gated() {
        return gated;
    }

    /** Works for a call inside a virtual IOMMU, or for nobody if that is null, in another thread. */
    static int represent(CoreGuest guest, IntSupplier work) {
        REPRESENTED.set(guest);
        try {
            return work.getAsInt();
        } finally {
            REPRESENTED.remove();
        }
    }

    /** The virtual IOMMU for whose call the thread works; null if it does not. */
    static CoreGuest represented() {
        return REPRESENTED.get();
    }

    /** Inside: the call is about to wait for its unit, and a swap may exchange that meanwhile. */
    void standAside() {
        away = true;
    }

    /** True if the call inside need not come out before its unit is exchanged. */
    public boolean isAway() {
        return away;
    }

    /** Chooses whether the call inside has to come out, with its request unfinished if need be. While the gate is held. */
    public void recall(boolean now) {
        recalled = now;
    }

    /** True if the call inside has to come out. */
    boolean isRecalled() {
        return recalled;
    }

    /** Turns everybody away. */
    public void close() {
        gate.close();
        gated.lease().end();
    }

    @Override
    public long readRegister(long offset, int sizeBytes) {
        unit.deliverTo(this);
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
        unit.events().claimed(requester, this);
        inside(decoder -> decoder.deviceAccess(requester, sink));
    }

    @Override
    public void deviceAccess(int requester, int pasid) {
        unit.events().claimed(requester, this);
        inside(decoder -> decoder.deviceAccess(requester, pasid, sink));
    }

    @Override
    public void deviceEvent(byte[] record) {
        inside(decoder -> decoder.deviceEvent(record, sink));
    }

    /** Records and notices of the unit's chip that the guest is to be told. */
    GuestNotices notices() {
        return notices;
    }

    /**
     * Tells what the unit's chip has for the guest.
     *
     * @return false if the virtual IOMMU could not be called now; true also if it is lost, or fails
     */
    private boolean takes(Notice notice) {
        try {
            inside(decoder -> notice.tell(decoder, sink), EVENT_WAIT_NANOS);
            return true;
        } catch (BackendException e) {
            return e.errno() == Errno.ESTALE || e.errno() == Errno.EIO;
        }
    }

    @Override
    public String commandName(byte[] bytes) {
        String[] name = new String[1];
        inside(decoder -> name[0] = decoder.commandName(bytes));
        return name[0] == null ? "unknown" : name[0];
    }

    private void inside(DecoderCall call) {
        inside(call, Unit.DMA_WAIT_NANOS);
        // Notices that could not be told while this call was inside.
        unit.deliverTo(this);
    }

    private void inside(DecoderCall call, long waitNanos) {
        Route<GuestBackend> route = gate.enter();
        if (route != null) {
            try {
                carryOut(route.target, call);
            } finally {
                gate.leave(route);
            }
        } else {
            CoreUnit.expectRun(gate.run(made -> carryOut(made, call), waitNanos, null, 0));
        }
    }

    private void carryOut(GuestBackend made, DecoderCall call) {
        if (made.decoder() == null) {
            throw new BackendException(Errno.ESTALE, "the virtual IOMMU was lost: " + made.lostBecause());
        }
        try {
            call.make(made.decoder());
        } finally {
            if (away) {
                away = false;
            }
        }
    }

    /** Something that a virtual IOMMU is told, whoever serves then. */
    @FunctionalInterface
    interface Notice {
        void tell(GuestDecoder decoder, GuestRequests sink);
    }

    @FunctionalInterface
    private interface DecoderCall {
        void make(GuestDecoder decoder);
    }
}
