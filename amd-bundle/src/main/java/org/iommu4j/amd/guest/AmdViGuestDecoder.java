package org.iommu4j.amd.guest;

import java.util.HashMap;
import java.util.Map;
import org.iommu4j.amd.command.AmdViCapabilities;
import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.AmdViRegisters.Efr;
import org.iommu4j.amd.command.AmdViRegisters.Efr2;
import org.iommu4j.amd.command.AmdViRegisters.PciCapability;
import org.iommu4j.amd.command.AmdViSettings;
import org.iommu4j.amd.command.CompletePprRequest;
import org.iommu4j.amd.command.CompletionWait;
import org.iommu4j.amd.command.UnitRegisters;
import org.iommu4j.amd.front.AmdViFront;
import org.iommu4j.amd.front.CommandBuffer;
import org.iommu4j.amd.front.PageRequestLog;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.simulation.config.SettingValues;
import org.iommu4j.simulation.guest.GuestPageRequests;
import org.iommu4j.simulation.register.RegisterFile;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * A virtual AMD IOMMU. Whoever runs the guest fetches the command buffer and hands each command to {@link #command}; a write to the
 * tail fetches nothing itself. Registers and rings are those of the chip ({@link AmdViFront}). A command that the host does not
 * carry out stops the buffer: it is never acknowledged.
 *
 * <p>Faults of the guest's tables stand in the guest's event log, page requests of its devices in its PPR log.
 *
 * <p>Not modelled: interrupt remapping (its commands are checked and complete at once), events about entries of the guest's device
 * table, and delivery of messages to the guest.
 */
public final class AmdViGuestDecoder implements GuestDecoder {
    /** Version of the state that {@link #save} writes. */
    public static final int STATE_VERSION = 1;

    /** Oldest version of the state that {@link #restore} reads. */
    public static final int STATE_OLDEST_READ = 1;

    private final int subVersion;
    private final AmdViCapabilities unit;
    private final RegisterFile registers;
    private final GuestDevices devices;
    private final GuestEffects effects;
    private final AmdViFront front;
    private final GuestEvents events;

    /**
     * A virtual unit fresh from reset.
     *
     * @param config what the guest sees: generation and capabilities
     * @throws BackendException as {@link org.iommu4j.simulation.config.SettingTable#read}
     */
    public AmdViGuestDecoder(HardwareConfig config, PhysicalMemory memory) {
        subVersion = config.subVersion();
        SettingValues chosen = AmdViSettings.TABLE.read(config);
        unit = AmdViCapabilities.of(chosen);
        registers = new RegisterFile(UnitRegisters.of(unit));
        devices = new GuestDevices(memory, registers, unit, chosen.isSet(AmdViSettings.SNP), subVersion);
        effects = new GuestEffects(subVersion, devices);
        front = new AmdViFront(
                subVersion,
                unit,
                AmdViSettings.TABLE.defaults(subVersion),
                registers,
                memory,
                (address, data) -> {},
                effects);
        front.commands().stepping(true);
        events = new GuestEvents(devices, front.events());
    }

    /**
     * Goes on where another virtual unit stopped. Sends nothing.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for a state version that is not read, {@code EINVAL} for a damaged state
     */
    public static AmdViGuestDecoder restore(Snapshot state, PhysicalMemory memory) {
        SnapshotReader in = new SnapshotReader(state)
                .require(IommuModel.AMD, Snapshot.Kind.GUEST, STATE_OLDEST_READ, STATE_VERSION);
        in.section("unit");
        int subVersion = in.getInt();
        Map<String, Long> capabilities = new HashMap<>();
        capabilities.put(PciCapability.REGISTER.name(), in.getLong());
        capabilities.put(Efr.REGISTER.name(), in.getLong());
        capabilities.put(Efr2.REGISTER.name(), in.getLong());
        in.endSection();
        AmdViGuestDecoder decoder = new AmdViGuestDecoder(
                new HardwareConfig(subVersion, Map.of(), capabilities, CacheConfig.NONE, Map.of()), memory);
        decoder.registers.load(in.section("registers"));
        in.endSection();
        decoder.front.load(in.section("front"));
        in.endSection();
        decoder.devices.load(in.section("devices"));
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
        CommandBuffer commands = front.commands();
        if (!commands.isRunning()) {
            requests.refused(
                    commands.isHalted()
                            ? "the guest's command buffer has stopped at an error"
                            : "the guest's command buffer is off");
        } else if (bytes.length == AmdViCommand.BYTES) {
            commands.take(wordAt(bytes, 0), wordAt(bytes, 1));
        } else {
            commands.takeUnfetched();
        }
    }

    @Override
    public void call(NativeCall call, GuestRequests requests) {
        throw new BackendException(Errno.ENOTTY, "AMD-Vi has registers, no hypercalls or instructions");
    }

    @Override
    public void deviceAccess(int requester, GuestRequests requests) {
        devices.access(requester, requests);
    }

    @Override
    public void deviceEvent(byte[] record, GuestRequests requests) {
        events.forward(record);
    }

    /** Page requests go into the guest's PPR log; what that has no room for, and the unit does not answer, nobody answers. */
    @Override
    public void pageRequests(int requester, GuestRequests requests) {
        GuestContext context = devices.context(requester);
        if (context != null) {
            PageRequestLog log = front.pageRequests();
            GuestPageRequests.take(
                    context.domain(),
                    log::request,
                    () -> CompletePprRequest.response(log.automaticResponse()),
                    requests);
        }
    }

    @Override
    public Snapshot save() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.AMD, Snapshot.Kind.GUEST, STATE_VERSION);
        out.section("unit")
                .putInt(subVersion)
                .putLong(unit.header())
                .putLong(unit.efr())
                .putLong(unit.efr2());
        registers.save(out.section("registers"));
        front.save(out.section("front"));
        devices.save(out.section("devices"));
        return out.build();
    }

    @Override
    public String commandName(byte[] bytes) {
        return bytes.length < AmdViCommand.BYTES ? "short" : AmdViCommand.nameOf(wordAt(bytes, 0));
    }

    private static long wordAt(byte[] bytes, int word) {
        return CompletionWait.LAYOUT.word(bytes, 0, word);
    }
}
