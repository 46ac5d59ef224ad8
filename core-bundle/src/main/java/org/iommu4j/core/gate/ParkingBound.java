package org.iommu4j.core.gate;

/** How many requests of one client may wait at a {@link Gate}. Guarded by the gate's lock. */
public final class ParkingBound {
    private final int most;
    private int waiting;
    private long total;

    /** A bound of {@code most} requests at once. */
    public ParkingBound(int most) {
        this.most = most;
    }

    /** Takes room for some requests; false if there is none. */
    boolean take(int requests) {
        if (requests > most - waiting) {
            return false;
        }
        waiting += requests;
        total += requests;
        return true;
    }

    /** Gives the room back. */
    void give(int requests) {
        waiting -= requests;
    }

    /** Number of requests that ever waited. */
    public long total() {
        return total;
    }
}
