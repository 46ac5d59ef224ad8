package org.iommu4j.arm.guest;

import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.arm.command.BindPasidTable;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.table.ConfigurationRules;
import org.iommu4j.arm.table.StreamTable;
import org.iommu4j.arm.table.StreamTableEntry;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The streams of a guest as its stream table last said: each is alone in a container of its own, which has the StreamID as number,
 * and bound to its context descriptors there. A stream is looked at when the guest invalidates its entry and, while it is not bound,
 * when it accesses memory; so an entry stays in force until it is invalidated, as in a chip's cache.
 */
final class GuestStreams {
    private static final int STREAMS = 1 << 16;

    private final PhysicalMemory memory;
    private final ConfigurationRules rules;
    private final StreamTable table;
    private final RequestWriter writer;
    private final Map<Integer, GuestBinding> bound = new TreeMap<>();
    private final long[] ste = new long[StreamTableEntry.WORDS];
    private boolean translating;

    GuestStreams(PhysicalMemory memory, SmmuCapabilities chip, StreamTable table) {
        this.memory = memory;
        this.table = table;
        rules = new ConfigurationRules(chip);
        writer = new RequestWriter(Abi.LP64_LE, IommuModel.ARM_SMMU, chip.subVersion());
    }

    /** The guest has switched translation on or off: every stream gets what holds from now on. */
    void translate(boolean on, GuestRequests sink) {
        translating = on;
        invalidate(0, Integer.SIZE, sink);
    }

    /** A device is about to access memory: its entry may have become valid without an invalidation. */
    void access(int streamId, GuestRequests sink) {
        if (isKnown(streamId) && !bound.containsKey(streamId)) {
            update(streamId, sink);
        }
    }

    /**
     * The guest has invalidated the entries of a block of streams.
     *
     * @param bits log2 of the streams in the aligned block
     */
    void invalidate(int streamId, int bits, GuestRequests sink) {
        for (Integer known : bound.keySet().toArray(Integer[]::new)) {
            if (bits >= Integer.SIZE || known >>> bits == streamId >>> bits) {
                update(known, sink);
            }
        }
        if (bits == 0 && isKnown(streamId) && !bound.containsKey(streamId)) {
            update(streamId, sink);
        }
    }

    private static boolean isKnown(int streamId) {
        return streamId >= 0 && streamId < STREAMS;
    }

    /** Streams that are bound. */
    Integer[] streams() {
        return bound.keySet().toArray(Integer[]::new);
    }

    /** True if a stream is bound. */
    boolean isBound(int streamId) {
        return bound.containsKey(streamId);
    }

    private void update(int streamId, GuestRequests sink) {
        GuestBinding before = bound.get(streamId);
        GuestBinding after = translating ? read(streamId, sink) : GuestBinding.passing(streamId);
        if (after == null ? before == null : after.equals(before)) {
            return;
        }
        bound.remove(streamId);
        if (after == null) {
            sink.request(
                    streamId,
                    writer.bind(Uapi.BIND_PASIDTBL, before.flags() | Uapi.BIND_FLAG_UNBIND, before.payload()));
            sink.move(streamId, -1);
            return;
        }
        if (before == null) {
            sink.move(streamId, streamId);
        }
        Completion completion = sink.request(streamId, writer.bind(Uapi.BIND_PASIDTBL, after.flags(), after.payload()));
        if (completion.errno() == Errno.OK) {
            bound.put(streamId, after);
        } else {
            // The device is blocked: better than going on with what the guest has replaced.
            sink.move(streamId, -1);
        }
    }

    /** What the guest's stream table says of a stream; null if it aborts, cannot be read, or is wrong. */
    private GuestBinding read(int streamId, GuestRequests sink) {
        if (!table.contains(streamId)) {
            return null;
        }
        try {
            long at = table.hasTwoLevels()
                    ? table.entryAddress(streamId, memory.readLongLe(table.level1Address(streamId)))
                    : table.entryAddress(streamId);
            if (at == StreamTable.NONE) {
                return null;
            }
            for (int word = 0; word < ste.length; word++) {
                ste[word] = memory.readLongLe(at + (long) word * Long.BYTES);
            }
        } catch (BusErrorException e) {
            return null;
        }
        if (!rules.isLegalStream(ste)) {
            return null;
        }
        return switch (StreamTableEntry.CONFIG.getInt(ste[0])) {
            case StreamTableEntry.BYPASS -> GuestBinding.passing(streamId);
            case StreamTableEntry.STAGE_1 -> stage1(streamId);
            case StreamTableEntry.STAGE_2, StreamTableEntry.NESTED -> {
                sink.refused("stage 2 of a guest is not in this release");
                yield null;
            }
            default -> null;
        };
    }

    private GuestBinding stage1(int streamId) {
        int bits = rules.contextBits(ste[0]);
        int format = bits == 0 || StreamTableEntry.S1_FORMAT.getInt(ste[0]) > 2
                ? 0
                : StreamTableEntry.S1_FORMAT.getInt(ste[0]);
        int without = StreamTableEntry.S1_DSS.getInt(ste[StreamTableEntry.S1_DSS.word()]);
        boolean deviceTlb = rules.translationServices(ste, false) != 0;
        return new GuestBinding(
                deviceTlb ? (int) BindPasidTable.FLAG_DEVICE_TLB.mask() : 0,
                BindPasidTable.TABLE_ROOT.of(StreamTableEntry.S1_CONTEXT_PTR.get(ste[0])),
                BindPasidTable.REQUESTER.of(streamId)
                        | BindPasidTable.PASID_BITS.of(bits)
                        | BindPasidTable.FORMAT.of(format)
                        | BindPasidTable.NO_PASID.of(bits == 0 || without > 2 ? 0 : without));
    }

    void save(SnapshotWriter out) {
        out.putBoolean(translating).putInt(bound.size());
        bound.forEach((streamId, binding) ->
                out.putInt(streamId).putInt(binding.flags()).putLongs(binding.words()));
    }

    void load(SnapshotReader in) {
        translating = in.getBoolean();
        int count = in.getCount(STREAMS);
        for (int i = 0; i < count; i++) {
            int streamId = in.getIndex(STREAMS, "StreamID");
            int flags = in.getInt();
            long[] words = in.getLongs();
            if (words.length != BindPasidTable.LAYOUT.words()) {
                throw in.invalid("binding of " + words.length + " words");
            }
            bound.put(streamId, GuestBinding.of(flags, words));
        }
    }
}
