package org.iommu4j.arm.hardware;

import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.arm.command.EventFields;
import org.iommu4j.arm.front.EventRecorder;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * Transactions that wait for software, IHI 0070 3.12.2, by their tags: at most IDR5.STALL_MAX. A record that cannot be written
 * waits with its transaction.
 */
final class StallTable {
    /** No tag is free. */
    static final int NONE = -1;

    private final EventRecorder events;
    private final int most;
    private final Map<Integer, Stalled> waiting = new TreeMap<>();

    /** A stalled access, and its record until it is written. */
    private static final class Stalled {
        final int requester;
        final int pasid;
        final long iova;
        final int rights;
        final boolean privileged;
        long[] unwritten;

        Stalled(int requester, int pasid, long iova, int rights, boolean privileged, long[] unwritten) {
            this.requester = requester;
            this.pasid = pasid;
            this.iova = iova;
            this.rights = rights;
            this.privileged = privileged;
            this.unwritten = unwritten;
        }
    }

    StallTable(EventRecorder events, int most) {
        this.events = events;
        this.most = most;
        events.onWritable(this::writePending);
    }

    /** A free tag, or {@link #NONE}. */
    int freeTag() {
        for (int tag = 0; tag < most; tag++) {
            if (!waiting.containsKey(tag)) {
                return tag;
            }
        }
        return NONE;
    }

    /**
     * A transaction is stalled.
     *
     * @param tag a free one
     * @param record its event record, with the tag
     */
    void add(int tag, DmaAccess access, long[] record) {
        Stalled stalled = new Stalled(
                access.requester(),
                access.pasid(),
                access.iova(),
                access.rights(),
                access.privileged(),
                record.clone());
        waiting.put(tag, stalled);
        write(stalled);
    }

    private void write(Stalled stalled) {
        if (events.isWritable() && events.record(stalled.unwritten)) {
            stalled.unwritten = null;
        }
    }

    private void writePending() {
        for (Stalled stalled : waiting.values()) {
            if (stalled.unwritten != null) {
                write(stalled);
            }
        }
    }

    /**
     * CMD_RESUME: gives the tag back.
     *
     * @return the access as though it had just arrived; null if the tag is free, or another stream's
     */
    DmaAccess resume(int tag, int streamId) {
        Stalled stalled = waiting.get(tag);
        if (stalled == null || stalled.requester != streamId) {
            return null;
        }
        waiting.remove(tag);
        DmaAccess access = new DmaAccess().begin(stalled.requester, stalled.iova, stalled.rights);
        access.withPasid(stalled.pasid);
        return stalled.privileged ? access.asPrivileged() : access;
    }

    /** CMD_STALL_TERM: every transaction of a stream is aborted. */
    void terminate(int streamId) {
        waiting.values().removeIf(stalled -> stalled.requester == streamId);
    }

    /** Translation is off: all are aborted. */
    void terminateAll() {
        waiting.clear();
    }

    /** How many wait. */
    int size() {
        return waiting.size();
    }

    void save(SnapshotWriter out) {
        out.putInt(waiting.size());
        waiting.forEach((tag, stalled) -> out.putInt(tag)
                .putInt(stalled.requester)
                .putInt(stalled.pasid)
                .putLong(stalled.iova)
                .putInt(stalled.rights)
                .putBoolean(stalled.privileged)
                .putLongs(stalled.unwritten == null ? new long[0] : stalled.unwritten));
    }

    void load(SnapshotReader in) {
        int count = in.getCount(most);
        for (int i = 0; i < count; i++) {
            int tag = in.getCount(most - 1);
            int requester = in.getInt();
            int pasid = in.getInt();
            long iova = in.getLong();
            int rights = in.getInt();
            boolean privileged = in.getBoolean();
            long[] unwritten = in.getLongs();
            if (unwritten.length != 0 && unwritten.length != EventFields.RECORD_WORDS) {
                throw in.invalid("record of " + unwritten.length + " words");
            }
            waiting.put(
                    tag,
                    new Stalled(requester, pasid, iova, rights, privileged, unwritten.length == 0 ? null : unwritten));
        }
    }
}
