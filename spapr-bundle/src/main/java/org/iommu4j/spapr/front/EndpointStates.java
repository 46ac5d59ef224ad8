package org.iommu4j.spapr.front;

import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * States of partitionable endpoints, docs/spec/spapr-tce.md 2.4 and 3.6: stopped for MMIO, stopped for DMA, in reset.
 * From reset on every endpoint is normal and error handling is on.
 */
public final class EndpointStates {
    // States as RTAS reports them; STOPPED stops MMIO and DMA.
    public static final int NORMAL = 0;
    public static final int RESET = 1;
    public static final int STOPPED = 2;
    public static final int DMA_STOPPED = 4;

    private static final int MMIO = 1;
    private static final int DMA = 1 << 1;
    private static final int IN_RESET = 1 << 2;
    private static final int HANDLING_OFF = 1 << 3;
    private static final int ALL = MMIO | DMA | IN_RESET | HANDLING_OFF;

    private final byte[] bits;

    /** Normal endpoints. */
    public EndpointStates(int endpoints) {
        bits = new byte[endpoints];
    }

    /** Number of endpoints. */
    public int count() {
        return bits.length;
    }

    /** True if no access of its devices gets through. */
    public boolean stopsDma(int pe) {
        return (bits[pe] & (DMA | IN_RESET)) != 0;
    }

    /** True if no access to its devices gets through: loads return ones, stores are dropped. */
    public boolean stopsMmio(int pe) {
        return (bits[pe] & (MMIO | IN_RESET)) != 0;
    }

    /** State of an endpoint as RTAS reports it. */
    public int state(int pe) {
        if ((bits[pe] & IN_RESET) != 0) {
            return RESET;
        }
        return stopsMmio(pe) ? STOPPED : stopsDma(pe) ? DMA_STOPPED : NORMAL;
    }

    /** A fault stops it, unless error handling is off. */
    public void fault(int pe) {
        if ((bits[pe] & HANDLING_OFF) == 0) {
            bits[pe] |= MMIO | DMA;
        }
    }

    /** Makes an endpoint normal; error handling that is off stays off. */
    public void release(int pe) {
        set(pe, MMIO | DMA | IN_RESET, false);
    }

    /** Stops or releases MMIO alone. */
    public void stopMmio(int pe, boolean stop) {
        set(pe, MMIO, stop);
    }

    /** Stops or releases DMA alone. */
    public void stopDma(int pe, boolean stop) {
        set(pe, DMA, stop);
    }

    /** Turns error handling on or off; off, a fault is recorded but stops nothing. */
    public void handleErrors(int pe, boolean on) {
        set(pe, HANDLING_OFF, !on);
    }

    /** Puts an endpoint into reset, or out of it, which makes it normal. */
    public void reset(int pe, boolean active) {
        if (active) {
            set(pe, IN_RESET, true);
        } else {
            release(pe);
        }
    }

    /** Writes every endpoint that is not normal: count, then int endpoint, byte state bits. */
    public void save(SnapshotWriter out) {
        int count = 0;
        for (byte state : bits) {
            count += state == 0 ? 0 : 1;
        }
        out.putInt(count);
        for (int pe = 0; pe < bits.length; pe++) {
            if (bits[pe] != 0) {
                out.putInt(pe).putByte(bits[pe]);
            }
        }
    }

    /** Takes what {@link #save} wrote. */
    public void load(SnapshotReader in) {
        int count = in.getCount(bits.length);
        for (int i = 0; i < count; i++) {
            int pe = in.getInt();
            int state = in.getByte();
            if (pe < 0 || pe >= bits.length || (state & ~ALL) != 0) {
                throw in.invalid("endpoint 0x" + Integer.toHexString(pe) + " in state 0x" + Integer.toHexString(state));
            }
            bits[pe] = (byte) state;
        }
    }

    private void set(int pe, int which, boolean on) {
        bits[pe] = (byte) (on ? bits[pe] | which : bits[pe] & ~which);
    }
}
