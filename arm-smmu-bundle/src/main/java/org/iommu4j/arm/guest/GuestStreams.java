package org.iommu4j.arm.guest;

import org.iommu4j.arm.command.BindPasidTable;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.table.ConfigurationRules;
import org.iommu4j.arm.table.StreamTable;
import org.iommu4j.arm.table.StreamTableEntry;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.simulation.guest.GuestBindings;
import org.iommu4j.simulation.guest.GuestTables;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The stream table of a guest: each stream is alone in a container of its own, which has the StreamID as number, and bound to its
 * context descriptors there.
 */
final class GuestStreams implements GuestTables<GuestBinding> {
    private static final int STREAMS = 1 << 16;

    private final PhysicalMemory memory;
    private final ConfigurationRules rules;
    private final StreamTable table;
    private final RequestWriter writer;
    private final GuestBindings<GuestBinding> bindings = new GuestBindings<>(STREAMS, this);
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
        bindings.updateBound(streamId -> true, sink);
    }

    /** A device is about to access memory. */
    void access(int streamId, GuestRequests sink) {
        bindings.access(streamId, sink);
    }

    /**
     * The guest has invalidated the entries of a block of streams.
     *
     * @param bits log2 of the streams in the aligned block
     */
    void invalidate(int streamId, int bits, GuestRequests sink) {
        if (bits == 0) {
            bindings.update(streamId, sink);
        } else {
            bindings.updateBound(known -> bits >= Integer.SIZE || known >>> bits == streamId >>> bits, sink);
        }
    }

    /** True if no stream is bound, so that nothing can be cached. */
    boolean isEmpty() {
        return bindings.bound().isEmpty();
    }

    /** True if a stream is bound. */
    boolean isBound(int streamId) {
        return bindings.bound().containsKey(streamId);
    }

    @Override
    public boolean bind(int streamId, GuestBinding before, GuestBinding after, GuestRequests sink) {
        if (before == null) {
            sink.move(streamId, streamId);
        }
        return sink.request(streamId, writer.bind(Uapi.BIND_PASIDTBL, after.flags(), after.payload()))
                        .errno()
                == Errno.OK;
    }

    @Override
    public void unbind(int streamId, GuestBinding before, GuestRequests sink) {
        sink.request(
                streamId, writer.bind(Uapi.BIND_PASIDTBL, before.flags() | Uapi.BIND_FLAG_UNBIND, before.payload()));
        sink.move(streamId, -1);
    }

    @Override
    public GuestBinding read(int streamId, GuestRequests sink) {
        if (!translating) {
            return GuestBinding.passing(streamId);
        }
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

    @Override
    public void save(GuestBinding binding, SnapshotWriter out) {
        out.putInt(binding.flags()).putLongs(binding.words());
    }

    @Override
    public GuestBinding load(int streamId, SnapshotReader in) {
        int flags = in.getInt();
        long[] words = in.getLongs();
        if (words.length != BindPasidTable.LAYOUT.words()) {
            throw in.invalid("binding of " + words.length + " words");
        }
        return GuestBinding.of(flags, words);
    }

    void save(SnapshotWriter out) {
        bindings.save(out.putBoolean(translating));
    }

    void load(SnapshotReader in) {
        translating = in.getBoolean();
        bindings.load(in);
    }
}
