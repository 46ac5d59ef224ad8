package org.iommu4j.core.containers;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheVisitor;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.HardwareCounters;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.PageOwner;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.backends.Chip;
import org.iommu4j.core.gate.Gate;
import org.iommu4j.core.gate.Route;
import org.iommu4j.core.gate.Verdict;
import org.iommu4j.core.lease.HardwarePort;
import org.iommu4j.core.lease.Lease;
import org.iommu4j.core.negotiation.Negotiated;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.Guest;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;

/**
 * One chip behind its gate. What is not final is touched inside the gate, or while the gate is held and quiet.
 *
 * <p>The class is long because {@link Unit} has many calls, and each says what becomes of it when nobody can carry it out.
 */
public final class CoreUnit implements Unit {
    private static final int DOMAINS = 65536;
    private static final HardwareCounters ZERO = new HardwareCounters(0, 0, 0, 0, 0);

    /** Longest wait in nanoseconds for a call that is inside when the unit is closed. */
    private static final long CLOSE_NANOS = 2_000_000_000L;

    private final int id;
    private final UnitRegistry registry;
    private final UnitConfig config;
    private final Platform platform;
    private final PhysicalMemory memory;
    private final GatedBackend<Chip> gated;

    /** The same gate, at hand for every call. */
    private final Gate<Chip> gate;

    /** Numbers of domains that a chip may know; guarded by this. */
    private final BitSet domains = new BitSet();

    private final List<CoreGuest> guests = new CopyOnWriteArrayList<>();

    /** True if there are any: each access that fails asks, and a list would answer more slowly. */
    private volatile boolean hasGuests;

    private final DeviceEvents events = new DeviceEvents();
    private volatile List<CoreContainer> containers = List.of();

    /** Devices of containers that are closed but still open in the chip; null if there are none. */
    private volatile Set<Integer> blocked;

    private volatile HardwareCounters carried = ZERO;
    private volatile NativeCommandListener tap;
    private volatile int chips = 1;
    private volatile Unit clientView = this;
    private boolean stepping;

    /** True if the chip has been taken from its bus. */
    private boolean unplugged;

    /** A unit with a chip, which was made with {@code lease}. */
    public CoreUnit(int id, UnitRegistry registry, UnitConfig config, Platform platform, Chip chip, Lease lease) {
        this.id = id;
        this.registry = registry;
        this.config = config;
        this.platform = platform;
        this.memory = platform.deviceMemory();
        this.gated = new GatedBackend<>(chip, lease);
        this.gate = gated.gate();
    }

    /** Chip and driver of the present backend behind their gate. */
    public GatedBackend<Chip> gated() {
        return gated;
    }

    /** The gate of the unit's chip. */
    public Gate<Chip> gate() {
        return gate;
    }

    /** The configuration with which the unit was opened. */
    public UnitConfig config() {
        return config;
    }

    /** The open virtual IOMMUs in front of the unit. */
    public List<CoreGuest> guests() {
        return Collections.unmodifiableList(guests);
    }

    /** A virtual IOMMU has been opened in front of the unit, and stays until the unit is closed. */
    public void opened(CoreGuest guest) {
        guests.add(guest);
        hasGuests = true;
    }

    /** Records of the chip on their way to guests and clients. */
    DeviceEvents events() {
        return events;
    }

    /** Delivers what the chip has for a guest, unless the caller is inside a virtual IOMMU of the unit. */
    void deliverTo(CoreGuest guest) {
        if (guest.notices().isWaiting() && guestOfCaller() == null) {
            guest.notices().deliver();
        }
    }

    /** Delivers what the chip has for the guest of a device, as {@link #deliverTo} does. */
    private void deliverEvents(int requester) {
        CoreGuest guest = hasGuests ? events.guestOf(requester) : null;
        if (guest != null) {
            deliverTo(guest);
        }
    }

    /** True if the caller is inside one of its virtual IOMMUs, and an exchange waits for it to come out. */
    boolean isGuestHeldByCaller() {
        for (CoreGuest guest : guests) {
            if (guest.gated().gate().isHeldByCaller()) {
                return true;
            }
        }
        return false;
    }

    /**
     * The caller is about to wait for the unit. If it is inside one of its virtual IOMMUs, a swap need not wait for it.
     *
     * @return true if it is inside one that it has to leave, since the backend of that one goes
     */
    boolean standAside() {
        CoreGuest guest = guestOfCaller();
        if (guest == null) {
            return false;
        }
        guest.standAside();
        return guest.isRecalled();
    }

    /** The virtual IOMMU that the caller is inside, or for which it works; null if there is none. */
    CoreGuest guestOfCaller() {
        for (CoreGuest guest : guests) {
            if (guest.gated().gate().isInside()) {
                return guest;
            }
        }
        return CoreGuest.represented();
    }

    /** Has the next call take the way of those that wait, where a virtual IOMMU stands aside for a swap. */
    public void nudge() {
        if (!gate.isWanted()) {
            gate.post(chip -> {});
        }
    }

    /** The containers, those included that are closed but still open in the chip. */
    public List<CoreContainer> allContainers() {
        return containers;
    }

    /** The unit as its clients see it: this one, or an interposer's in front of it with the same chip. */
    public Unit clientView() {
        return clientView;
    }

    /** Chooses what its clients get. Before anybody has the unit. */
    public void showToClients(Unit unit) {
        clientView = unit;
    }

    /** Another chip takes over. While the gate is held, before anybody can reach that chip. */
    @SuppressWarnings("NonAtomicVolatileUpdate") // one swap at a time
    public void countChip() {
        chips++;
    }

    /** Adds what an earlier chip did. While the gate is held. */
    public void carry(HardwareCounters counters) {
        carried = sum(carried, counters);
    }

    /** Gives a new chip and its driver the settings of the users: stepping and the tap. Calls foreign code. */
    public void applySettings(Chip chip) {
        if (stepping) {
            chip.hardware().stepping(true);
        }
        NativeCommandListener listener = tap;
        if (listener != null && chip.translator() != null) {
            chip.translator().tap(contained(listener));
        }
    }

    /** The container that holds a device, or null. Inside the gate. */
    CoreContainer ownerOf(int requester) {
        for (CoreContainer container : containers) {
            if (container.attachments().containsKey(requester)) {
                return container;
            }
        }
        return null;
    }

    /** These devices are blocked, whatever the chip says. */
    synchronized void block(List<Integer> requesters) {
        if (!requesters.isEmpty()) {
            Set<Integer> more = blocked == null ? new HashSet<>() : new HashSet<>(blocked);
            more.addAll(requesters);
            blocked = more;
        }
    }

    /** The chip says again what this device may do. */
    synchronized void letThrough(int requester) {
        if (blocked != null && blocked.contains(requester)) {
            Set<Integer> fewer = new HashSet<>(blocked);
            fewer.remove(requester);
            blocked = fewer.isEmpty() ? null : fewer;
        }
    }

    private synchronized boolean isBlocked(int requester) {
        return blocked != null && blocked.contains(requester);
    }

    /**
     * A container has no domain any more. Inside the gate, or while it is held.
     *
     * @param gone true if the chip has nothing left of it; else its number stays taken and its devices stay blocked
     * @param requesters its devices
     */
    synchronized void ended(CoreContainer container, boolean gone, List<Integer> requesters) {
        List<CoreContainer> rest = new ArrayList<>(containers);
        if (rest.remove(container) && gone) {
            domains.clear(container.id());
            requesters.forEach(this::letThrough);
        }
        requesters.forEach(events::detached);
        containers = List.copyOf(rest);
    }

    private synchronized int takeNumber() {
        int domain = domains.nextClearBit(0);
        if (domain >= DOMAINS) {
            throw new BackendException(Errno.ENOSPC, "unit " + id + " has " + DOMAINS + " domains");
        }
        domains.set(domain);
        return domain;
    }

    private synchronized void opened(CoreContainer container) {
        List<CoreContainer> more = new ArrayList<>(containers);
        more.add(container);
        containers = List.copyOf(more);
    }

    @Override
    public int id() {
        return id;
    }

    @Override
    public IommuModel model() {
        return config.model();
    }

    @Override
    public int subVersion() {
        return config.hardware().subVersion();
    }

    @Override
    public boolean bare() {
        return config.bare();
    }

    @Override
    public Platform platform() {
        return platform;
    }

    /** The machine as its chip and its driver have it, whose pages are kept from guests. */
    public Platform hostPlatform() {
        return platform.forOwner(PageOwner.HOST);
    }

    /**
     * True if no table of the caller may be there: in a page of the host or one that may become the host's, or in one that was
     * taken for a virtual IOMMU, unless that is the caller.
     */
    boolean isKept(long pa) {
        if (!platform.memory().contains(pa, 1)) {
            return false;
        }
        if (platform.deviceMemory().contains(pa, 1)) {
            return platform.isFree(pa);
        }
        CoreGuest guest = guestOfCaller();
        boolean own = guest != null && guest.gated().lease().owns(pa);
        return !own || !platform.guestTables().contains(pa, 1);
    }

    /** The machine as its virtual IOMMUs have it. */
    public Platform guestPlatform() {
        return clientView.platform().forOwner(PageOwner.VIRTUAL_IOMMU);
    }

    @Override
    public Container openContainer(ContainerConfig containerConfig) {
        if (containerConfig == null || containerConfig.abi() == null || containerConfig.offer() == null) {
            throw new BackendException(Errno.EINVAL, "the container's configuration is incomplete");
        }
        if (containerConfig.waitNanos() < 0 || containerConfig.maxParked() < 0) {
            throw new BackendException(
                    Errno.EINVAL,
                    "waitNanos=" + containerConfig.waitNanos() + " or maxParked=" + containerConfig.maxParked()
                            + " is negative");
        }
        Abi offered = containerConfig.offer().image();
        if (offered != null && offered != containerConfig.abi()) {
            throw new BackendException(
                    Errno.EINVAL, "abi=" + containerConfig.abi() + " is not the image of the offer, " + offered);
        }
        if (config.bare()) {
            throw new BackendException(Errno.ENOTTY, "unit " + id + " has no driver");
        }
        CoreContainer container = new CoreContainer(this, gate, containerConfig);
        standAside();
        expectRun(gate.run(chip -> openInside(chip, container), containerConfig.waitNanos(), null, 0));
        return container.clientView();
    }

    private void openInside(Chip chip, CoreContainer container) {
        ContainerConfig containerConfig = container.config();
        Negotiated negotiated = registry.negotiate(chip.backend(), containerConfig.offer(), subVersion());
        if (!negotiated.holds()) {
            throw new BackendException(
                    containerConfig.offer().model() == model() ? Errno.EPROTONOSUPPORT : Errno.ENODEV,
                    negotiated.agreement().reason());
        }
        Session session = registry.session(containerConfig, negotiated, chip.backend());
        int domain = takeNumber();
        Completion completion = new Completion();
        boolean booked = chip.translator().openDomain(domain, completion) == 0
                && chip.book(() -> {
                    container.opened(domain, session);
                    opened(container);
                });
        if (!booked) {
            giveBack(domain, completion, chip);
        }
    }

    /** A domain has not been opened. If the chip holds something under its number all the same, that stays taken. */
    private void giveBack(int domain, Completion completion, Chip chip) {
        Completion closed = new Completion();
        if (!chip.isGivenUp()) {
            chip.translator().closeDomain(domain, closed);
        }
        if (CoreContainer.isGone(closed)) {
            synchronized (this) {
                domains.clear(domain);
            }
        }
        if (completion.errno() == Errno.OK) {
            throw new BackendException(Errno.EIO, CoreContainer.GIVEN_UP);
        }
        throw new BackendException(completion.errno(), completion.toString());
    }

    @Override
    public List<Container> containers() {
        List<Container> open = new ArrayList<>();
        for (CoreContainer container : containers) {
            if (!container.isClosing()) {
                open.add(container.clientView());
            }
        }
        return open;
    }

    @Override
    public Guest openGuest(HardwareConfig guestConfig, GuestRequests sink) {
        if (guestConfig == null || sink == null) {
            throw new BackendException(Errno.EINVAL, "a virtual IOMMU needs a configuration and a sink");
        }
        if (gate.isClosed()) {
            throw new BackendException(Verdict.CLOSED.errno(), Verdict.CLOSED.reason());
        }
        return registry.openGuest(this, guestConfig, sink);
    }

    @Override
    public void dma(DmaAccess access) {
        Route<Chip> route = gate.enter();
        if (route != null) {
            try {
                translate(route.target, access);
            } finally {
                gate.leave(route);
            }
        } else if (isBlocked(access.requester())
                || gate.run(chip -> translate(chip, access), DMA_WAIT_NANOS, null, 0) != Verdict.RAN) {
            access.blocked();
        }
        if (access.outcome() != DmaAccess.Outcome.TRANSLATED) {
            deliverEvents(access.requester());
        }
    }

    @Override
    public PageRequest.Outcome request(PageRequest request) {
        PageRequest.Outcome[] outcome = {PageRequest.Outcome.DROPPED};
        if (!isBlocked(request.requester())) {
            gate.run(
                    chip -> {
                        outcome[0] = chip.hardware().request(request);
                        collectEvents(chip);
                    },
                    DMA_WAIT_NANOS,
                    null,
                    0);
            if (outcome[0] == PageRequest.Outcome.QUEUED) {
                events.asked(request.requester());
            }
            deliverEvents(request.requester());
        }
        return outcome[0];
    }

    private void translate(Chip chip, DmaAccess access) {
        if (unplugged || (blocked != null && isBlocked(access.requester()))) {
            access.blocked();
            return;
        }
        chip.hardware().translate(access);
        if (access.outcome() != DmaAccess.Outcome.TRANSLATED) {
            collectEvents(chip);
        } else if (!isAllowed(access)) {
            access.busError();
        }
    }

    /** Inside the gate: the chip may have recorded something about a device of a guest. */
    void collectEvents(Chip chip) {
        if (hasGuests) {
            try {
                events.collect(chip, DeviceEvents.MOST_KEPT);
            } catch (BackendException e) {
                // Records that the chip does not hand out stay in it; the access has been answered.
                return;
            }
        }
    }

    /**
     * True if there is memory for devices where an access leads. A translation request reaches no memory, and its answer may
     * name a device's own registers; but no device learns where a page is that is kept from it.
     */
    private boolean isAllowed(DmaAccess access) {
        long pa = access.spa();
        return access.addressType() == DmaAccess.AddressType.TRANSLATION_REQUEST
                ? memory.contains(pa, 1) || !platform.memory().contains(pa, 1)
                : access.lengthBytes() <= 0 || memory.contains(pa, access.lengthBytes());
    }

    @Override
    public long readRegister(long offset, int sizeBytes) {
        Route<Chip> route = gate.enter();
        if (route != null) {
            try {
                return read(route.target, offset, sizeBytes);
            } finally {
                gate.leave(route);
            }
        }
        long[] value = new long[1];
        Verdict verdict = gate.run(chip -> value[0] = read(chip, offset, sizeBytes), DMA_WAIT_NANOS, null, 0);
        if (verdict != Verdict.UNAVAILABLE) {
            expectRun(verdict);
        }
        return value[0];
    }

    private long read(Chip chip, long offset, int sizeBytes) {
        return unplugged ? HardwarePort.nobody(sizeBytes) : chip.hardware().readRegister(offset, sizeBytes);
    }

    @Override
    public void writeRegister(long offset, int sizeBytes, long value) {
        Route<Chip> route = gate.enter();
        if (route != null) {
            try {
                write(route.target, offset, sizeBytes, value);
            } finally {
                gate.leave(route);
            }
        } else {
            expectRun(gate.run(chip -> write(chip, offset, sizeBytes, value), DMA_WAIT_NANOS, null, 0));
        }
    }

    private void write(Chip chip, long offset, int sizeBytes, long value) {
        if (!unplugged) {
            chip.hardware().writeRegister(offset, sizeBytes, value);
        }
    }

    @Override
    public void call(NativeCall call) {
        inside(chip -> {
            if (!unplugged) {
                chip.hardware().call(call);
            }
        });
    }

    @Override
    public void stepping(boolean on) {
        inside(chip -> {
            chip.hardware().stepping(on);
            stepping = on;
        });
    }

    @Override
    public int step(int commands) {
        int[] consumed = new int[1];
        inside(chip -> consumed[0] = chip.hardware().step(commands));
        return consumed[0];
    }

    @Override
    public void takeEvents(Consumer<byte[]> sink) {
        // The sink may call the unit: it sees the records after the gate.
        inside(chip -> events.collect(chip, Integer.MAX_VALUE));
        List<byte[]> records = events.take();
        guests.forEach(this::deliverTo);
        records.forEach(sink);
    }

    @Override
    public void visitCache(CacheVisitor visitor) {
        visitCache(visitor, DMA_WAIT_NANOS);
    }

    @Override
    public boolean waits() {
        return gate.waits();
    }

    @Override
    public void visitCache(CacheVisitor visitor, long waitNanos) {
        List<CachedEntry> entries = new ArrayList<>();
        inside(
                chip -> chip.hardware()
                        .visitCache((cache, tag, pasid, iova, lengthBytes, pa) ->
                                entries.add(new CachedEntry(cache, tag, pasid, iova, lengthBytes, pa))),
                waitNanos);
        for (CachedEntry entry : entries) {
            visitor.entry(entry.cache, entry.tag, entry.pasid, entry.iova, entry.lengthBytes, entry.pa);
        }
    }

    private record CachedEntry(String cache, long tag, int pasid, long iova, long lengthBytes, long pa) {}

    @Override
    public int chips() {
        return chips;
    }

    @Override
    public HardwareCounters hardwareCounters() {
        HardwareCounters[] now = new HardwareCounters[1];
        Verdict verdict = gate.run(
                chip -> now[0] = sum(carried, countersOf(chip)), gate.isAbsent() ? 0 : DMA_WAIT_NANOS, null, 0);
        return verdict == Verdict.RAN ? now[0] : carried;
    }

    /** The counters of a chip. Calls foreign code. */
    public static HardwareCounters countersOf(Chip chip) {
        HardwareCounters counters = chip.hardware().counters();
        return counters == null ? ZERO : counters;
    }

    private static HardwareCounters sum(HardwareCounters one, HardwareCounters other) {
        return new HardwareCounters(
                one.commands() + other.commands(),
                one.hits() + other.hits(),
                one.walks() + other.walks(),
                one.faults() + other.faults(),
                one.dropped() + other.dropped());
    }

    @Override
    public void tap(NativeCommandListener listener) {
        tap = listener;
        Verdict verdict = gate.run(
                chip -> {
                    if (chip.translator() != null) {
                        chip.translator().tap(listener == null ? null : contained(listener));
                    }
                },
                gate.isAbsent() ? 0 : DMA_WAIT_NANOS,
                null,
                0);
        if (verdict != Verdict.UNAVAILABLE) {
            expectRun(verdict);
        }
    }

    /** An observer must not make a request fail. */
    private static NativeCommandListener contained(NativeCommandListener listener) {
        return bytes -> {
            try {
                listener.command(bytes);
            } catch (Throwable t) {
                // It looked, it failed, it missed the command.
                return;
            }
        };
    }

    /** A call that has no answer of its own for "not carried out". */
    private void inside(Gate.Operation<Chip> operation) {
        inside(operation, DMA_WAIT_NANOS);
    }

    private void inside(Gate.Operation<Chip> operation, long waitNanos) {
        expectRun(gate.run(operation, waitNanos, null, 0));
    }

    /** Turns "not carried out" into the exception of its kind. */
    static void expectRun(Verdict verdict) {
        if (verdict != Verdict.RAN) {
            throw new BackendException(verdict.errno(), verdict.reason());
        }
    }

    @Override
    public void reset() {
        registry.reset(this);
    }

    @Override
    public Snapshot save() {
        return registry.save(this);
    }

    @Override
    public void restore(Snapshot state) {
        registry.restore(this, state);
    }

    @Override
    public void unplug() {
        inside(chip -> {
            unplugged = true;
            gated.lease().unplug();
        });
    }

    /**
     * Another chip takes over, which is as unplugged as the one before unless it is fresh from reset. While the gate is held.
     *
     * @param lease by which it has the machine
     */
    public void plugged(Lease lease, boolean fresh) {
        unplugged = unplugged && !fresh;
        if (unplugged) {
            lease.unplug();
        }
    }

    @Override
    public void close() {
        Route<Chip> before = gate.close();
        registry.closed(this);
        if (before != null && !before.isInside()) {
            gate.drained(before, Gate.deadline(CLOSE_NANOS));
        }
        gated.lease().end();
        for (CoreGuest guest : guests) {
            guest.close();
        }
        hasGuests = false;
        guests.clear();
        for (CoreContainer container : containers) {
            container.forgetBackend();
        }
        containers = List.of();
    }

    @Override
    public String toString() {
        return "unit " + id;
    }
}
