package org.iommu4j.arm.guest;

import java.nio.ByteOrder;
import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.EventFields;
import org.iommu4j.arm.command.EventType;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuRegisters;
import org.iommu4j.arm.command.SmmuRegisters.Cr2;
import org.iommu4j.arm.command.SmmuRegisters.StreamTableBase;
import org.iommu4j.arm.command.SmmuSettings;
import org.iommu4j.arm.front.CommandQueue;
import org.iommu4j.arm.front.SmmuFront;
import org.iommu4j.arm.table.StreamTable;
import org.iommu4j.arm.table.WalkFault;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.layout.Layout;
import org.iommu4j.simulation.config.SettingValues;
import org.iommu4j.simulation.guest.GuestPageRequests;
import org.iommu4j.simulation.register.RegisterFile;
import org.iommu4j.simulation.snapshot.ConfigState;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * A virtual SMMU with streams of one stage, the other, or both. Whoever runs the guest fetches the queue and hands each command to {@link #command}; a write to
 * CMDQ_PROD fetches nothing itself. Registers and queue are those of the chip ({@link SmmuFront}). A command that the host does
 * not carry out stops the queue: it is never acknowledged. Faults of the guest's devices stand in the guest's event queue, their page requests in its
 * queue of those, which the guest's own CMD_PRI_RESP answers.
 *
 * <p>Not modelled: delivery of its interrupts.
 */
public final class SmmuGuestDecoder implements GuestDecoder {
    /** Version of the state that {@link #save} writes. */
    public static final int STATE_VERSION = 1;

    private static final Layout WORDS = SmmuCommand.SYNC.layout();
    private static final Layout EVENT = EventType.F_TRANSLATION.layout();

    private final HardwareConfig config;
    private final RegisterFile registers;
    private final StreamTable table;
    private final GuestDevices streams;
    private final GuestEffects effects;
    private final GuestEvents events;
    private final SmmuFront front;

    /**
     * A virtual SMMU fresh from reset.
     *
     * @param config what the guest sees: generation and capabilities
     * @throws BackendException as {@link org.iommu4j.simulation.config.SettingTable#read}
     */
    public SmmuGuestDecoder(HardwareConfig config, PhysicalMemory memory) {
        this.config = config;
        SettingValues chosen = SmmuSettings.TABLE.read(config);
        SmmuCapabilities chip = SmmuCapabilities.of(chosen);
        registers = new RegisterFile(
                ByteOrder.LITTLE_ENDIAN, SmmuRegisters.of(chip, false), !chosen.isSet(SmmuSettings.LEGACY_GUARDS));
        table = new StreamTable(chip);
        streams = new GuestDevices(memory, chip, table, this::takesPageRequests);
        effects = new GuestEffects(config.subVersion(), streams, () -> registers.isSet(Cr2.REGISTER, Cr2.E2H));
        front = new SmmuFront(chip, chosen, registers, memory, (address, data) -> {}, effects);
        events = new GuestEvents(registers, front.events());
        front.queue().stepping(true);
        registers.onWrite(StreamTableBase.REGISTER, (before, after, written, lanes) -> takeStreamTable());
        registers.onWrite(StreamTableBase.CONFIG, (before, after, written, lanes) -> takeStreamTable());
    }

    /**
     * Goes on where another virtual SMMU stopped. Sends nothing.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for a state version that is not read, {@code EINVAL} for a damaged
     *     state
     */
    public static SmmuGuestDecoder restore(Snapshot state, PhysicalMemory memory) {
        SnapshotReader in = new SnapshotReader(state)
                .require(IommuModel.ARM_SMMU, Snapshot.Kind.GUEST, STATE_VERSION, STATE_VERSION);
        SmmuGuestDecoder decoder = new SmmuGuestDecoder(ConfigState.load(in.section("config")), memory);
        decoder.registers.load(in.section("registers"));
        in.endSection();
        decoder.takeStreamTable();
        decoder.front.load(in);
        decoder.streams.load(in.section("streams"));
        in.endSection();
        return decoder;
    }

    private void takeStreamTable() {
        table.configure(registers.get(StreamTableBase.REGISTER), registers.get(StreamTableBase.CONFIG));
    }

    @Override
    public long readRegister(long offset, int sizeBytes) {
        return front.read(offset, sizeBytes);
    }

    @Override
    public void writeRegister(long offset, int sizeBytes, long value, GuestRequests requests) {
        effects.sendTo(requests);
        boolean took = takesPageRequests();
        front.write(offset, sizeBytes, value);
        if (takesPageRequests() != took) {
            streams.pageRequestsChanged(requests);
        }
    }

    /** True while the guest's queue of page requests is on. */
    private boolean takesPageRequests() {
        return front.pageRequests() != null && front.pageRequests().isOn();
    }

    @Override
    public void command(byte[] bytes, GuestRequests requests) {
        effects.sendTo(requests);
        CommandQueue queue = front.queue();
        if (!queue.isEnabled()) {
            requests.refused("the guest's queue is off");
        } else if (queue.isStopped()) {
            requests.refused("the guest's queue has stopped at an error");
        } else if (bytes.length != CommandFields.COMMAND_BYTES) {
            requests.refused("a command has " + CommandFields.COMMAND_BYTES + " bytes");
        } else {
            queue.take(WORDS.word(bytes, 0, 0), WORDS.word(bytes, 0, 1));
        }
    }

    @Override
    public void call(NativeCall call, GuestRequests requests) {
        throw new BackendException(Errno.ENOTTY, "an SMMU has registers, no hypercalls or instructions");
    }

    @Override
    public void deviceAccess(int requester, GuestRequests requests) {
        deviceAccess(requester, DmaAccess.NO_PASID, requests);
    }

    @Override
    public void deviceAccess(int requester, int pasid, GuestRequests requests) {
        effects.sendTo(requests);
        WalkFault fault = streams.access(requester, requests);
        if (fault != null) {
            events.configuration(fault, requester, pasid);
        }
    }

    @Override
    public void deviceEvent(byte[] record, GuestRequests requests) {
        if (record.length == EventFields.RECORD_BYTES) {
            GuestBinding binding =
                    streams.bound().get((int) EventFields.SID.get(EVENT.word(record, 0, EventFields.SID.word())));
            if (binding != null) {
                events.forward(record, binding);
            }
        }
    }

    @Override
    public void pageRequests(int requester, GuestRequests requests) {
        if (front.pageRequests() != null) {
            GuestPageRequests.take(requester, front.pageRequests()::request, () -> PageResponse.SUCCESS, requests);
        }
    }

    @Override
    public Snapshot save() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.ARM_SMMU, Snapshot.Kind.GUEST, STATE_VERSION);
        ConfigState.save(config, out.section("config"));
        registers.save(out.section("registers"));
        front.save(out);
        streams.save(out.section("streams"));
        return out.build();
    }

    @Override
    public String commandName(byte[] bytes) {
        if (bytes.length != CommandFields.COMMAND_BYTES) {
            return "short";
        }
        int opcode = SmmuCommand.opcodeOf(bytes[0]);
        SmmuCommand command = SmmuCommand.of(opcode);
        return command == null ? "opcode_0x" + Integer.toHexString(opcode) : command.name();
    }
}
