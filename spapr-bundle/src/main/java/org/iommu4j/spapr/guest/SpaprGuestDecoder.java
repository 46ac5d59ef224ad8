package org.iommu4j.spapr.guest;

import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.simulation.config.SettingValues;
import org.iommu4j.simulation.snapshot.ConfigState;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;
import org.iommu4j.spapr.command.HypercallCode;
import org.iommu4j.spapr.command.PestEntry;
import org.iommu4j.spapr.command.RtasStatus;
import org.iommu4j.spapr.command.SpaprCall;
import org.iommu4j.spapr.command.SpaprCapabilities;
import org.iommu4j.spapr.command.SpaprGeneration;
import org.iommu4j.spapr.command.SpaprSettings;
import org.iommu4j.spapr.front.EehCalls;
import org.iommu4j.spapr.front.EndpointStates;
import org.iommu4j.spapr.front.TceCalls;
import org.iommu4j.spapr.front.WindowCalls;
import org.iommu4j.spapr.table.DmaWindow;

/**
 * A virtual hypervisor in front of a guest, generations 1 to 5. It keeps the guest's tables in pages of the host, so that the
 * host's platform translates through them; a hypercall that stores entries is a store there and an invalidation of their range
 * in the container. Whether hardware keeps entries that allow nothing is not documented, so every store is followed by an
 * invalidation, also where the old entry allowed nothing. If the container refuses, the entries are put back: the call fails
 * and has changed nothing.
 *
 * <p>A partition sees no registers of the host bridge, whatever the generation: its tables change by calls only, so it has
 * nothing to kill. Calls of the host's own are unknown to a guest.
 *
 * <p>A fault of a device stops the guest's endpoint as it has stopped the host's. When the guest releases its endpoint, its windows are
 * bound again, which releases the host's.
 */
public final class SpaprGuestDecoder implements GuestDecoder {
    /** Version of the state that {@link #save} writes. */
    public static final int STATE_VERSION = 1;

    /** Oldest version of the state that {@link #restore} reads. */
    public static final int STATE_OLDEST_READ = 1;

    private final HardwareConfig config;
    private final GuestWindows windows;
    private final EndpointStates endpoint = new EndpointStates(1);

    /** True if the guest's bridge stops an endpoint at a fault. */
    private final boolean stops;

    private final TceCalls tceCalls;
    private final EehCalls eehCalls;

    /** Null before generation 3. */
    private final WindowCalls windowCalls;

    /** Takes the requests of the current call. */
    private GuestRequests sink;

    private SpaprGuestDecoder(HardwareConfig config, Platform platform) {
        this.config = config;
        SettingValues chosen = SpaprSettings.TABLE.read(config);
        SpaprCapabilities guest = SpaprCapabilities.of(chosen);
        stops = !chosen.isSet(SpaprSettings.EEH);
        windows = new GuestWindows(platform, guest);
        tceCalls = new TceCalls(platform, windows.windows(), windows.tables(), guest.multiTce(), true, this::stored);
        eehCalls = new EehCalls(guest, endpoint, requester -> GuestWindows.ENDPOINT);
        windowCalls = SpaprGeneration.hasRegisters(config.subVersion())
                ? new WindowCalls(
                        guest,
                        windows.windows(),
                        requester -> GuestWindows.ENDPOINT,
                        windows,
                        GuestWindows.ENDPOINT,
                        RtasStatus.PARAMETER_ERROR)
                : null;
    }

    /**
     * A virtual hypervisor fresh from reset.
     *
     * @param config what the guest sees
     * @throws BackendException as {@link SpaprCapabilities#of}; {@code ENOMEM} if the host has no room for the default window
     */
    public static SpaprGuestDecoder create(HardwareConfig config, Platform platform) {
        SpaprGuestDecoder decoder = new SpaprGuestDecoder(config, platform);
        decoder.windows.addDefault();
        return decoder;
    }

    /**
     * Goes on where another virtual hypervisor stopped. Sends nothing.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for a state version that is not read, {@code EINVAL} for a damaged
     *     state
     */
    public static SpaprGuestDecoder restore(Snapshot state, Platform platform) {
        SnapshotReader in = new SnapshotReader(state)
                .require(IommuModel.SPAPR, Snapshot.Kind.GUEST, STATE_OLDEST_READ, STATE_VERSION);
        SpaprGuestDecoder decoder = new SpaprGuestDecoder(ConfigState.load(in.section("config")), platform);
        decoder.windows.load(in);
        in.section("endpoint", decoder.endpoint::load);
        return decoder;
    }

    @Override
    public long readRegister(long offset, int sizeBytes) {
        return 0;
    }

    @Override
    public void writeRegister(long offset, int sizeBytes, long value, GuestRequests requests) {
        requests.refused("a partition sees no registers of the host bridge");
    }

    @Override
    public void command(byte[] bytes, GuestRequests requests) {
        requests.refused("there is no queue: a partition makes hypercalls");
    }

    @Override
    public void call(NativeCall call, GuestRequests requests) {
        sink = requests;
        windows.sendTo(requests);
        windows.bindAll(requests);
        int function = call.function();
        if (TceCalls.isOne(function)) {
            tceCalls.call(call);
            if (function == SpaprCall.H_GET_TCE) {
                requests.handled("reading an entry changes nothing");
            }
        } else if (EehCalls.isOne(function)) {
            boolean stopped = endpoint.stopsDma(GuestWindows.ENDPOINT);
            eehCalls.call(call);
            if (stopped && !releases(requests)) {
                call.result(RtasStatus.HARDWARE_ERROR);
            }
            requests.handled("the state of the guest's endpoint is the virtual hypervisor's");
        } else if (WindowCalls.isOne(function) && windowCalls != null) {
            windowCalls.call(call);
            requests.handled("windows are the virtual hypervisor's; those that come and go are bound and unbound");
        } else if (SpaprCall.isToken(function)) {
            call.result(RtasStatus.PARAMETER_ERROR);
            requests.refused(
                    WindowCalls.isOne(function)
                            ? "no dynamic windows in this generation"
                            : "no such call: 0x" + Integer.toHexString(function));
        } else {
            call.result(HypercallCode.FUNCTION);
            requests.refused("no such call: 0x" + Integer.toHexString(function));
        }
    }

    @Override
    public void deviceAccess(int requester, GuestRequests requests) {
        windows.bindAll(requests);
        windows.access(requester, requests);
    }

    /** A fault of the endpoint, which the guest may not have under error handling: then nothing stops. */
    @Override
    public void deviceEvent(byte[] record, GuestRequests requests) {
        if (record.length == PestEntry.BYTES) {
            if (stops) {
                endpoint.fault(GuestWindows.ENDPOINT);
            }
            releases(requests);
        }
    }

    /** If DMA of the guest's endpoint goes on, that of the host's does; if the container refuses it stays stopped in both: false. */
    private boolean releases(GuestRequests requests) {
        boolean done = endpoint.stopsDma(GuestWindows.ENDPOINT) || windows.bindAgain(requests);
        if (!done) {
            endpoint.stopDma(GuestWindows.ENDPOINT, true);
        }
        return done;
    }

    @Override
    public Snapshot save() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.SPAPR, Snapshot.Kind.GUEST, STATE_VERSION);
        ConfigState.save(config, out.section("config"));
        windows.save(out);
        endpoint.save(out.section("endpoint"));
        return out.build();
    }

    @Override
    public String commandName(byte[] bytes) {
        long function = 0;
        for (int i = 0; i < Long.BYTES && i < bytes.length; i++) {
            function = function << Byte.SIZE | (bytes[i] & 0xff);
        }
        CallFormat call = SpaprCall.of((int) function);
        return call == null ? "0x" + Long.toHexString(function) : call.name();
    }

    /** Invalidates entries that were stored, in the host's container. */
    private long stored(int function, DmaWindow window, long iova, long entries) {
        if (!windows.isBound(window.liobn())) {
            return HypercallCode.HARDWARE;
        }
        Completion completion =
                windows.invalidate(iova, entries << window.table().pageShift(), sink);
        return code(completion.errno());
    }

    /** The hypercall's answer to a refusal of the contract. */
    private static long code(Errno errno) {
        return switch (errno) {
            case OK -> HypercallCode.SUCCESS;
            case EBUSY -> HypercallCode.BUSY;
            case ENOMEM, ENOSPC -> HypercallCode.NOT_ENOUGH_RESOURCES;
            default -> HypercallCode.HARDWARE;
        };
    }
}
