package org.iommu4j.spapr.hardware;

import java.util.Arrays;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/** Which endpoint each requester id belongs to: the default one from reset on, until the host says otherwise. */
final class Requesters {
    /** No endpoint: accesses are aborted. */
    static final int NONE = -1;

    private static final int COUNT = 1 << 16;

    private final int endpoints;

    /** Where the others are. */
    private int common;

    /** By requester id; null as long as all are in the same one. */
    private short[] moved;

    /**
     * All in the default endpoint.
     *
     * @param defaultEndpoint which one
     * @param endpoints how many there are
     */
    Requesters(int defaultEndpoint, int endpoints) {
        common = defaultEndpoint;
        this.endpoints = endpoints;
    }

    /** The endpoint of a requester id, 0 to 65535; {@link #NONE} if it has none. */
    int endpointOf(int requester) {
        return moved == null ? common : moved[requester];
    }

    /** True if a number is one of a requester. */
    static boolean isRequester(long value) {
        return value >= 0 && value < COUNT;
    }

    /** Moves every requester. */
    void moveAll(int pe) {
        common = pe;
        moved = null;
    }

    /** Moves a requester to an endpoint, or to {@link #NONE}. */
    void move(int requester, int pe) {
        if (moved == null) {
            moved = new short[COUNT];
            Arrays.fill(moved, (short) common);
        }
        moved[requester] = (short) pe;
    }

    void save(SnapshotWriter out) {
        int count = 0;
        for (int requester = 0; requester < COUNT; requester++) {
            count += endpointOf(requester) == common ? 0 : 1;
        }
        out.putInt(common).putInt(count);
        for (int requester = 0; requester < COUNT; requester++) {
            if (endpointOf(requester) != common) {
                out.putInt(requester).putInt(endpointOf(requester));
            }
        }
    }

    void load(SnapshotReader in) {
        common = in.getInt();
        if (common < NONE || common >= endpoints) {
            throw in.invalid("endpoint " + common);
        }
        int count = in.getCount(COUNT);
        for (int i = 0; i < count; i++) {
            int requester = in.getInt();
            int pe = in.getInt();
            if (!isRequester(requester) || pe < NONE || pe >= endpoints) {
                throw in.invalid("requester 0x" + Integer.toHexString(requester) + " in endpoint " + pe);
            }
            move(requester, pe);
        }
    }
}
