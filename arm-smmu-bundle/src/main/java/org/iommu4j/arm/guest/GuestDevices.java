package org.iommu4j.arm.guest;

import java.util.Map;
import java.util.function.BooleanSupplier;
import org.iommu4j.arm.command.BindPasidTable;
import org.iommu4j.arm.command.EventType;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.table.ConfigurationRules;
import org.iommu4j.arm.table.StreamTable;
import org.iommu4j.arm.table.StreamTableEntry;
import org.iommu4j.arm.table.WalkFault;
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
 * The stream table of a guest: each stream is alone in a container of its own, which has the StreamID as number, and bound there to its
 * context descriptors, its stage-2 table, or both.
 */
final class GuestDevices implements GuestTables<GuestBinding> {
    private static final int STREAMS = 1 << 16;

    private final PhysicalMemory memory;
    private final boolean hasStage2;
    private final BooleanSupplier pageRequests;
    private final WalkFault fault = new WalkFault();
    private final ConfigurationRules rules;
    private final StreamTable table;
    private final RequestWriter writer;
    private final GuestBindings<GuestBinding> bindings = new GuestBindings<>(STREAMS, this);
    private final long[] ste = new long[StreamTableEntry.WORDS];
    private boolean translating;

    /**
     * A stream table of which nothing is bound.
     *
     * @param pageRequests whether the guest takes page requests: its queue of them is on
     */
    GuestDevices(PhysicalMemory memory, SmmuCapabilities chip, StreamTable table, BooleanSupplier pageRequests) {
        this.memory = memory;
        this.pageRequests = pageRequests;
        this.table = table;
        hasStage2 = chip.hasStage2();
        rules = new ConfigurationRules(chip);
        writer = new RequestWriter(Abi.LP64_LE, IommuModel.ARM_SMMU, chip.subVersion());
    }

    /** The guest has switched translation on or off: every stream gets what holds from now on. */
    void translate(boolean on, GuestRequests sink) {
        translating = on;
        bindings.updateBound(streamId -> true, sink);
    }

    /** The guest's queue of page requests went on or off: every stream gets what holds from now on. */
    void pageRequestsChanged(GuestRequests sink) {
        bindings.updateBound(streamId -> true, sink);
    }

    /**
     * A device is about to access memory.
     *
     * @return what is wrong with the stream's entry; null if nothing is, or it aborts without a record
     */
    WalkFault access(int streamId, GuestRequests sink) {
        fault.clear();
        bindings.access(streamId, sink);
        return fault.type() == null ? null : fault;
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

    /** True if the guest's unit has VMIDs: then its TLB invalidations name one. */
    boolean haveVmids() {
        return hasStage2;
    }

    /** The streams that are bound: of no other is anything cached. */
    Map<Integer, GuestBinding> bound() {
        return bindings.bound();
    }

    @Override
    public boolean bind(int streamId, GuestBinding before, GuestBinding after, GuestRequests sink) {
        if (before == null) {
            sink.move(streamId, streamId);
        } else if (before.operation() != after.operation()) {
            // A bind replaces one of its own kind.
            send(streamId, before, Uapi.BIND_FLAG_UNBIND, sink);
        }
        return send(streamId, after, 0, sink) == Errno.OK;
    }

    private Errno send(int streamId, GuestBinding binding, int flags, GuestRequests sink) {
        return sink.request(streamId, writer.bind(binding.operation(), binding.flags() | flags, binding.payload()))
                .errno();
    }

    @Override
    public void unbind(int streamId, GuestBinding before, GuestRequests sink) {
        send(streamId, before, Uapi.BIND_FLAG_UNBIND, sink);
        sink.move(streamId, -1);
    }

    @Override
    public GuestBinding read(int streamId, GuestRequests sink) {
        if (!translating) {
            return GuestBinding.passing(streamId);
        }
        if (!fetch(streamId)) {
            return null;
        }
        if (!rules.isLegalStream(ste)) {
            fault.configuration(EventType.C_BAD_STE);
            return null;
        }
        return switch (StreamTableEntry.CONFIG.getInt(ste[0])) {
            case StreamTableEntry.BYPASS -> GuestBinding.passing(streamId);
            case StreamTableEntry.STAGE_1 -> stage1(streamId);
            case StreamTableEntry.STAGE_2 -> stage2(streamId);
            case StreamTableEntry.NESTED -> stage2(streamId).below(stage1(streamId));
            default -> null;
        };
    }

    /** Reads the entry of a stream, IHI 0070 3.3.1; false if there is none. */
    private boolean fetch(int streamId) {
        long at = table.hasTwoLevels() ? table.level1Address(streamId) : table.entryAddress(streamId);
        try {
            if (table.contains(streamId) && table.hasTwoLevels()) {
                at = table.entryAddress(streamId, memory.readLongLe(at));
            }
            if (!table.contains(streamId) || at == StreamTable.NONE) {
                fault.configuration(EventType.C_BAD_STREAMID);
                return false;
            }
            for (int word = 0; word < ste.length; word++) {
                ste[word] = memory.readLongLe(at + (long) word * Long.BYTES);
            }
            return true;
        } catch (BusErrorException e) {
            fault.fetch(EventType.F_STE_FETCH, at);
            return false;
        }
    }

    private GuestBinding stage2(int streamId) {
        return GuestBinding.stage2(streamId, ste, deviceFlags(), rules.forcesWriteBack(ste));
    }

    private GuestBinding stage1(int streamId) {
        int bits = rules.contextBits(ste[0]);
        int format = bits == 0 || StreamTableEntry.S1_FORMAT.getInt(ste[0]) > 2
                ? 0
                : StreamTableEntry.S1_FORMAT.getInt(ste[0]);
        int without = StreamTableEntry.S1_DSS.getInt(ste[StreamTableEntry.S1_DSS.word()]);
        return new GuestBinding(
                deviceFlags(),
                BindPasidTable.TABLE_ROOT.of(StreamTableEntry.S1_CONTEXT_PTR.get(ste[0])),
                BindPasidTable.REQUESTER.of(streamId)
                        | BindPasidTable.PASID_BITS.of(bits)
                        | BindPasidTable.FORMAT.of(format)
                        | BindPasidTable.NO_PASID.of(bits == 0 || without > 2 ? 0 : without),
                0,
                hasStage2 && !rules.isEl2(ste)
                        ? StreamTableEntry.S2_VMID.getInt(ste[StreamTableEntry.S2_VMID.word()])
                        : GuestBinding.ANY_VMID);
    }

    /** Flags of the stream's device: a TLB of its own; with it page requests, while the guest takes them. */
    private int deviceFlags() {
        if (rules.translationServices(ste, false) == 0) {
            return 0;
        }
        return pageRequests.getAsBoolean() ? BindPasidTable.DEVICE_FLAGS : (int) BindPasidTable.FLAG_DEVICE_TLB.mask();
    }

    @Override
    public void save(GuestBinding binding, SnapshotWriter out) {
        out.putInt(binding.flags()).putLongs(binding.words());
    }

    @Override
    public GuestBinding load(int streamId, SnapshotReader in) {
        int flags = in.getInt();
        long[] words = in.getLongs();
        GuestBinding binding = GuestBinding.of(flags, words);
        if (binding == null) {
            throw in.invalid("binding of " + words.length + " words");
        }
        return binding;
    }

    void save(SnapshotWriter out) {
        bindings.save(out.putBoolean(translating));
    }

    void load(SnapshotReader in) {
        translating = in.getBoolean();
        bindings.load(in);
    }
}
