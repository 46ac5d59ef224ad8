package org.iommu4j.intel.guest;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.InterruptSink;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.intel.command.FaultRecord;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.TableMode;
import org.iommu4j.intel.command.UnitRegisters;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.Global;
import org.iommu4j.intel.command.VtdRegisters.QueueError;
import org.iommu4j.intel.command.VtdSettings;
import org.iommu4j.intel.front.FaultRecorder;
import org.iommu4j.intel.front.InvalidationQueue;
import org.iommu4j.intel.front.VtdFront;
import org.iommu4j.layout.BitField;
import org.iommu4j.simulation.config.SettingValues;
import org.iommu4j.simulation.register.RegisterFile;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * A virtual VT-d unit of legacy mode, or of scalable mode with tables of one stage, pass-through and PASIDs. Whoever runs the guest fetches the queue and hands each descriptor to {@link
 * #command}; a write to IQT fetches nothing itself. Registers and queue are those of the chip ({@link VtdFront}). A command that the host does not carry out stops the queue, or
 * reads back as refused in CCMD and IOTLB: it is never acknowledged.
 *
 * <p>Not modelled: interrupt remapping (its commands are checked and complete at once) and delivery of messages to the
 * guest; a message that waits behind its mask shows in FECTL.IP and IECTL.IP.
 */
public final class VtdGuestDecoder implements GuestDecoder {
    /** Version of the state that {@link #save} writes. */
    public static final int STATE_VERSION = 1;

    /** Oldest version of the state that {@link #restore} reads. */
    public static final int STATE_OLDEST_READ = 1;

    private static final int DESCRIPTOR_BYTES = InvalidationQueue.DESCRIPTOR_BYTES;
    private static final int MAX_DESCRIPTOR_BYTES = 32;

    /** Abilities of scalable mode that a virtual unit cannot have. */
    private static final List<BitField> LACKS =
            List.of(Ecap.NEST, Ecap.PRS, Ecap.RPRIVS, Ecap.HPTS, Ecap.PTRS, Ecap.SSIRWS);

    /** Those that it can have only if its guest's requests are of a generation of scalable mode. */
    private static final List<BitField> NEEDS_SCALABLE_REQUESTS = List.of(Ecap.FSTS, Ecap.SSADS, Ecap.PASID);

    /** Those that it cannot have beside PASIDs: PASID 0 stands for requests without one at the host. */
    private static final List<BitField> EXCLUDED_BY_PASIDS = List.of(Ecap.RPS);

    private final int subVersion;
    private final VtdCapabilities unit;
    private final RegisterFile registers;
    private final GuestStructures structures;
    private final GuestDevices devices;
    private final GuestFaults faults;
    private final GuestEffects effects;
    private final VtdFront front;

    /**
     * A virtual unit fresh from reset.
     *
     * @param config what the guest sees: generation and capabilities
     * @throws BackendException as {@link VtdCapabilities#of}
     */
    public VtdGuestDecoder(HardwareConfig config, PhysicalMemory memory) {
        subVersion = config.subVersion();
        unit = VtdCapabilities.of(config);
        if (unit.hasScalableMode()) {
            refuseWhatScalableModeMustNotHave();
        }
        registers = new RegisterFile(UnitRegisters.of(unit));
        structures = new GuestStructures(memory, unit, subVersion);
        devices = new GuestDevices(unit, structures, subVersion);
        effects = new GuestEffects(subVersion, unit, structures, devices);
        SettingValues chosen = VtdSettings.TABLE.defaults(subVersion);
        InterruptSink undelivered = (address, data) -> {};
        FaultRecorder recorder = new FaultRecorder(unit, chosen, registers, undelivered);
        faults = new GuestFaults(unit, subVersion, memory, structures, recorder);
        front = new VtdFront(subVersion, unit, chosen, registers, recorder, memory, Long.SIZE, undelivered, effects);
        if (front.queue() != null) {
            front.queue().stepping(true);
        }
    }

    /** The guest's tables are bound to one stage of the host, device by device and PASID by PASID. */
    private void refuseWhatScalableModeMustNotHave() {
        refuse(LACKS, "a virtual unit of scalable mode has tables of one stage and pass-through");
        if (!VtdGeneration.isScalable(subVersion)) {
            refuse(
                    NEEDS_SCALABLE_REQUESTS,
                    "a virtual unit of a legacy generation has second-stage tables and no PASIDs");
        }
        if (Ecap.PASID.isSet(unit.ecap())) {
            refuse(EXCLUDED_BY_PASIDS, "a virtual unit with PASIDs has no other RID_PASID than 0");
        }
    }

    private void refuse(List<BitField> abilities, String why) {
        for (BitField ability : abilities) {
            if (ability.isSet(unit.ecap())) {
                throw new BackendException(Errno.EPROTONOSUPPORT, "ECAP." + ability.name() + ": " + why);
            }
        }
    }

    /**
     * Goes on where another virtual unit stopped. Sends nothing.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for a state version that is not read, {@code EINVAL} for a damaged
     *     state
     */
    public static VtdGuestDecoder restore(Snapshot state, PhysicalMemory memory) {
        SnapshotReader in = new SnapshotReader(state)
                .require(IommuModel.INTEL, Snapshot.Kind.GUEST, STATE_OLDEST_READ, STATE_VERSION);
        in.section("unit");
        int subVersion = in.getInt();
        Map<String, Long> capabilities = new HashMap<>();
        capabilities.put("VER", in.getLong());
        capabilities.put("CAP", in.getLong());
        capabilities.put("ECAP", in.getLong());
        in.endSection();
        VtdGuestDecoder decoder = new VtdGuestDecoder(
                new HardwareConfig(subVersion, Map.of(), capabilities, CacheConfig.NONE, Map.of()), memory);
        in.section("registers");
        decoder.registers.load(in);
        if (!decoder.front.loadQueueFromRegisters()) {
            throw in.invalid("IQH is not in the queue");
        }
        in.endSection();
        in.section("devices");
        decoder.devices.load(in);
        decoder.front.loadTableMode(
                decoder.registers.isSet(Global.STATUS, Global.RTPS) ? decoder.structures.mode() : TableMode.LEGACY);
        in.endSection();
        return decoder;
    }

    @Override
    public long readRegister(long offset, int sizeBytes) {
        return registers.read(offset, sizeBytes);
    }

    @Override
    public void writeRegister(long offset, int sizeBytes, long value, GuestRequests requests) {
        effects.sendTo(requests);
        registers.write(offset, sizeBytes, value);
    }

    @Override
    public void command(byte[] bytes, GuestRequests requests) {
        effects.sendTo(requests);
        InvalidationQueue queue = front.queue();
        if (queue == null || !queue.isEnabled()) {
            requests.refused("the guest's queue is off");
        } else if (queue.isStopped()) {
            requests.refused("the guest's queue has stopped at an error");
        } else if (bytes.length == queue.descriptorBytes()) {
            boolean isLong = bytes.length == MAX_DESCRIPTOR_BYTES;
            queue.take(wordAt(bytes, 0), wordAt(bytes, 1), isLong ? wordAt(bytes, 2) | wordAt(bytes, 3) : 0);
        } else {
            queue.takeUnfetched(
                    bytes.length == MAX_DESCRIPTOR_BYTES ? QueueError.INVALID_WIDTH : QueueError.FETCH_ERROR);
        }
    }

    @Override
    public void call(NativeCall call, GuestRequests requests) {
        throw new BackendException(Errno.ENOTTY, "VT-d has registers, no hypercalls or instructions");
    }

    @Override
    public void deviceAccess(int requester, GuestRequests requests) {
        devices.access(requester, GuestDevice.NO_PASID, requests);
    }

    @Override
    public void deviceAccess(int requester, int pasid, GuestRequests requests) {
        devices.access(requester, pasid, requests);
    }

    @Override
    public void deviceEvent(byte[] record, GuestRequests requests) {
        if (devices.isTranslating() && record.length == FaultRecord.BYTES) {
            faults.record(FaultRecord.LAYOUT.word(record, 0, 0), FaultRecord.LAYOUT.word(record, 0, 1));
        }
    }

    @Override
    public Snapshot save() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.INTEL, Snapshot.Kind.GUEST, STATE_VERSION);
        out.section("unit")
                .putInt(subVersion)
                .putLong(unit.ver())
                .putLong(unit.cap())
                .putLong(unit.ecap());
        registers.save(out.section("registers"));
        devices.save(out.section("devices"));
        return out.build();
    }

    @Override
    public String commandName(byte[] bytes) {
        return bytes.length < DESCRIPTOR_BYTES ? "short" : VtdCommand.nameOf(wordAt(bytes, 0), subVersion);
    }

    private static long wordAt(byte[] bytes, int word) {
        int half = word / 2 * DESCRIPTOR_BYTES;
        return IotlbInvalidate.LAYOUT.word(bytes, half, word % 2);
    }
}
