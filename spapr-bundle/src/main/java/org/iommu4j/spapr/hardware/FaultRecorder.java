package org.iommu4j.spapr.hardware;

import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;
import org.iommu4j.spapr.command.FaultReason;
import org.iommu4j.spapr.command.PestEntry;
import org.iommu4j.spapr.front.EndpointStates;

/**
 * Faults of endpoints, docs/spec/spapr-tce.md 3.6: one record for each endpoint, that of its last fault, and the stop
 * that follows. A stopped endpoint makes no further faults.
 */
final class FaultRecorder {
    /** No table in memory. */
    static final long NO_TABLE = -1;

    private static final int MAX_REQUESTER = 0xffff;

    private final EndpointStates states;
    private final PhysicalMemory memory;
    private final boolean stops;
    private long table = NO_TABLE;
    private final TreeMap<Integer, Fault> faults = new TreeMap<>();

    /** A record, and whether somebody took it. */
    private record Fault(long word0, long word1, boolean pending) {
        Fault taken() {
            return new Fault(word0, word1, false);
        }
    }

    /**
     * No records yet.
     *
     * @param stops true if a fault stops its endpoint
     */
    FaultRecorder(EndpointStates states, PhysicalMemory memory, boolean stops) {
        this.states = states;
        this.memory = memory;
        this.stops = stops;
    }

    /** Sets where records are stored besides, or {@link #NO_TABLE}. */
    void table(long address) {
        table = address;
    }

    /** Records a fault of an endpoint and stops it, if faults do. */
    void record(int pe, FaultReason reason, DmaAccess access) {
        boolean write = (access.rights() & DmaAccess.WRITE) != 0;
        int requester = access.requester() >>> 16 == 0 ? access.requester() & MAX_REQUESTER : 0;
        long word0 = reason.bit().mask()
                | PestEntry.TYPE.of(write ? PestEntry.DMA_WRITE : PestEntry.DMA_READ)
                | PestEntry.RID.of(requester);
        long word1 = PestEntry.ADDRESS.get(access.iova());
        faults.put(pe, new Fault(word0, word1, true));
        if (stops) {
            states.fault(pe);
        }
        if (table != NO_TABLE) {
            store(table + (long) pe * PestEntry.BYTES, word0, word1);
        }
    }

    private void store(long entry, long word0, long word1) {
        // If there is no memory, the record is in the chip only.
        if (memory.contains(entry, PestEntry.BYTES)) {
            memory.writeLongBe(entry, word0);
            memory.writeLongBe(entry + Long.BYTES, word1);
        }
    }

    /** Takes every record that was not taken yet, by endpoint; endpoints stay as they are. */
    void take(Consumer<byte[]> sink) {
        for (Map.Entry<Integer, Fault> entry : faults.entrySet()) {
            Fault fault = entry.getValue();
            if (fault.pending()) {
                entry.setValue(fault.taken());
                sink.accept(PestEntry.LAYOUT.encode(fault.word0(), fault.word1()));
            }
        }
    }

    void save(SnapshotWriter out) {
        out.putInt(faults.size());
        faults.forEach((pe, fault) ->
                out.putInt(pe).putLong(fault.word0()).putLong(fault.word1()).putBoolean(fault.pending()));
    }

    void load(SnapshotReader in) {
        int count = in.getCount(states.count());
        for (int i = 0; i < count; i++) {
            int pe = in.getInt();
            if (pe < 0 || pe >= states.count()) {
                throw in.invalid("endpoint 0x" + Integer.toHexString(pe));
            }
            faults.put(pe, new Fault(in.getLong(), in.getLong(), in.getBoolean()));
        }
    }
}
