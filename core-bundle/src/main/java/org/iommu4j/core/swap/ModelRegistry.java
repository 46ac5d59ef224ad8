package org.iommu4j.core.swap;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntSupplier;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PageOwner;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.PlatformFactory;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.backends.BackendEntry;
import org.iommu4j.core.backends.Chip;
import org.iommu4j.core.backends.ChipMaker;
import org.iommu4j.core.backends.CoreEvents;
import org.iommu4j.core.backends.Trial;
import org.iommu4j.core.containers.CoreContainer;
import org.iommu4j.core.containers.CoreGuest;
import org.iommu4j.core.containers.CoreUnit;
import org.iommu4j.core.containers.Session;
import org.iommu4j.core.containers.UnitRegistry;
import org.iommu4j.core.foreign.VendorFailure;
import org.iommu4j.core.foreign.VendorThread;
import org.iommu4j.core.gate.Gate;
import org.iommu4j.core.gate.Verdict;
import org.iommu4j.core.lease.Lease;
import org.iommu4j.core.negotiation.Negotiator;
import org.iommu4j.core.negotiation.ShimLink;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.BackendStatus.State;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.core.service.SwapReport.Outcome;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;

/**
 * The backends, shims and units of one model, and who serves: the first backend that comes, then any newer one, or
 * whichever is asked for. One undertaking at a time; requests do not come here.
 */
public final class ModelRegistry implements UnitRegistry {
    private static final int DESCRIPTIONS_KEPT = 64;

    /** In place of a generation: those of the open units are all. */
    private static final int NO_MORE_GENERATIONS = -1;

    private final IommuModel model;
    private final PlatformFactory platforms;
    private final CoreEvents events;

    /** Guards who serves and every undertaking. */
    private final ReentrantLock lock = new ReentrantLock();

    private final Condition served = lock.newCondition();
    private final List<BackendEntry> entries = new CopyOnWriteArrayList<>();
    private final List<BackendDescription> known = new CopyOnWriteArrayList<>();
    private final List<ShimLink> shims = new CopyOnWriteArrayList<>();
    private final List<CoreUnit> units = new CopyOnWriteArrayList<>();
    private volatile BackendEntry active;
    private volatile boolean closed;

    /** True if one that served has left and nobody has followed yet; guarded by the lock. */
    private boolean orphaned;

    /**
     * The registry of a model.
     *
     * @param platforms makes the machines of units and of trials
     * @param events is told what becomes of backends and agreements
     */
    public ModelRegistry(IommuModel model, PlatformFactory platforms, CoreEvents events) {
        this.model = model;
        this.platforms = platforms;
        this.events = events;
    }

    /** Who serves, or null. */
    @Override
    public BackendEntry active() {
        return active;
    }

    /** The open units. */
    public List<CoreUnit> units() {
        return units;
    }

    /**
     * A backend has come: it serves if nobody does or if it is newer than who does, unless it has failed already.
     *
     * @return the report of the swap; null if nothing was swapped
     */
    public SwapReport arrived(BackendEntry entry) {
        lock.lock();
        try {
            if (closed || entry.state() == State.RETIRED) {
                entry.retire();
                return null;
            }
            entries.add(entry);
            entry.onUnloadable(reason -> giveWayLater(entry, reason));
            remember(entry.description());
            if (entry.state() == State.FAILED && active == null && entry.isLastResort()) {
                return adopt(entry, new Start("", SwapLimits.DEFAULT));
            }
            if (entry.state() == State.FAILED) {
                boolean wouldServe = active == null || entry.version().compareTo(active.version()) > 0;
                return wouldServe
                        ? told(refused(
                                entry.description().version(), entry.status().reason()))
                        : null;
            }
            entry.become(State.STANDBY);
            if (active == null) {
                return adopt(entry, new Start("", SwapLimits.DEFAULT));
            }
            boolean better = active.isLastResort() || entry.version().compareTo(active.version()) > 0;
            return better ? move(entry, SwapLimits.DEFAULT) : null;
        } finally {
            lock.unlock();
        }
    }

    /**
     * A backend is leaving; when this returns, no call is inside it, unless one has not come out in a bounded time.
     *
     * @return the report of what happened to the units; null if it did not serve
     */
    public SwapReport leaving(BackendEntry entry) {
        lock.lock();
        try {
            boolean present = entries.remove(entry);
            if (!present || entry != active) {
                // One that leaves before it was let in finds itself retired there.
                entry.retire();
                return null;
            }
            Start start = new Start(entry.description().version(), SwapLimits.DEFAULT);
            SwapReport left;
            try {
                left = giveUp(entry, start);
            } finally {
                entry.retire();
            }
            return followed(start, left);
        } finally {
            lock.unlock();
        }
    }

    /** Makes a present backend serve. */
    public SwapReport swap(String version, SwapLimits limits) {
        lock.lock();
        try {
            BackendEntry target = find(version);
            if (target == null) {
                return told(refused(version, "no backend of model " + model + " has version " + version));
            }
            if (target == active) {
                return told(refused(version, target + " serves already"));
            }
            if (!isFit(target) && !(active == null && target.isLastResort())) {
                return told(refused(version, target.status().reason()));
            }
            if (active != null) {
                return move(target, limits);
            }
            Start start = new Start("", limits);
            SwapReport report = adopt(target, start);
            return report != null ? report : start.report(target, Outcome.DONE, "", null, List.of());
        } finally {
            lock.unlock();
        }
    }

    /**
     * Makes a present backend serve, whatever the one that serves does: units whose calls do not come out are rebuilt. The one
     * that served counts as failed.
     */
    public SwapReport force(String version, SwapLimits limits) {
        lock.lock();
        try {
            BackendEntry old = active;
            BackendEntry target = find(version);
            if (old == null || target == null || target == old) {
                return swap(version, limits);
            }
            for (CoreUnit unit : units) {
                if (target.description().generation(unit.subVersion()) == null) {
                    return told(inspect(target).report(old, target, Outcome.REFUSED));
                }
            }
            if (!isFit(target) && !target.isLastResort()) {
                return told(refused(version, target.status().reason()));
            }
            Start start = new Start(old.description().version(), limits);
            giveUp(old, start);
            old.become(State.FAILED, "given up: " + target + " was made to serve by force");
            SwapReport report = adopt(target, start);
            if (report != null && report.outcome() != Outcome.DONE) {
                return followed(start, report);
            }
            return report != null ? report : start.report(target, Outcome.DONE, "", null, List.of());
        } finally {
            lock.unlock();
        }
    }

    /** What {@link #swap} would do. */
    public SwapReport preview(String version) {
        lock.lock();
        try {
            BackendEntry target = find(version);
            if (target == null) {
                return refused(version, "no backend of model " + model + " has version " + version);
            }
            return inspect(target).report(active, target, Outcome.PREVIEWED);
        } finally {
            lock.unlock();
        }
    }

    /** A shim has come. */
    public void arrived(ShimLink shim) {
        lock.lock();
        try {
            shims.add(shim);
            renegotiate();
        } finally {
            lock.unlock();
        }
    }

    /** A shim is leaving; when this returns, no request goes through it. */
    public void leaving(Shim shim) {
        lock.lock();
        try {
            if (shims.removeIf(link -> link.shim() == shim)) {
                renegotiate();
            }
        } finally {
            lock.unlock();
        }
    }

    /** What a client would get from who serves now. */
    public Agreement negotiate(Offer offer, int hostSubVersion) {
        BackendEntry serving = active;
        BackendEntry.Facts facts = serving == null ? null : serving.facts();
        return facts == null
                ? Negotiator.refusal(offer, hostSubVersion, "no backend serves model " + model)
                : Negotiator.negotiate(offer, hostSubVersion, serving.description(), shimsWith(facts))
                        .agreement();
    }

    /** What a client gets from a backend. */
    @Override
    public Negotiator.Found negotiate(BackendEntry serving, Offer offer, int hostSubVersion) {
        return Negotiator.negotiate(offer, hostSubVersion, serving.description(), shimsWith(serving.facts()));
    }

    /** A session with a backend. */
    @Override
    public Session session(ContainerConfig config, Negotiator.Found found, BackendEntry serving) {
        return found.holds() ? Session.of(config, found, serving, known) : Session.lost(found);
    }

    /** A container's session with a backend that serves it from now on. */
    Session renewed(CoreUnit unit, CoreContainer container, BackendEntry serving) {
        Session before = container.session();
        if (before != null && before.isStale()) {
            return before;
        }
        return session(container.config(), negotiate(serving, container.renewedOffer(), unit.subVersion()), serving);
    }

    private List<ShimLink> shimsWith(BackendEntry.Facts facts) {
        List<ShimLink> all = new ArrayList<>(facts.shims());
        all.addAll(shims);
        return all;
    }

    /** Makes a unit. One that cannot make it gives way to the next best. */
    public CoreUnit openUnit(IntSupplier ids, UnitConfig config) {
        int subVersion = config.hardware().subVersion();
        lock.lock();
        try {
            if (closed) {
                throw new BackendException(Errno.ENODEV, "the core has stopped");
            }
            if (active == null) {
                followed(new Start("", SwapLimits.DEFAULT), null);
            }
            for (; ; ) {
                BackendEntry serving = active;
                if (serving == null) {
                    throw new BackendException(Errno.ENODEV, "no backend serves model " + model);
                }
                Generation generation = serving.description().generation(subVersion);
                if (generation == null) {
                    throw new BackendException(
                            Errno.EPROTONOSUPPORT,
                            serving + " does not serve generation 0x" + Integer.toHexString(subVersion));
                }
                try {
                    CoreUnit unit = make(ids, config, generation, serving);
                    units.add(unit);
                    return unit;
                } catch (VendorFailure e) {
                    expectGivenWay(serving, e, subVersion);
                }
            }
        } finally {
            lock.unlock();
        }
    }

    private CoreUnit make(IntSupplier ids, UnitConfig config, Generation generation, BackendEntry serving)
            throws VendorFailure {
        int width = config.hostAddressWidth() == 0 ? generation.hostAddressWidth() : config.hostAddressWidth();
        PlatformConfig machine;
        try {
            machine =
                    new PlatformConfig(width, config.ram(), config.interrupts(), config.devices(), config.sanitizer());
        } catch (IllegalArgumentException e) {
            throw new BackendException(Errno.EINVAL, e.getMessage());
        }
        AtomicReference<Lease> given = new AtomicReference<>();
        try (VendorThread thread = new VendorThread("iommu4j-open")) {
            Platform platform = machine(machine, thread);
            return thread.call("making a unit", SwapLimits.DEFAULT.handoverNanos(), () -> {
                Lease lease = new Lease(platform.forOwner(PageOwner.HOST));
                given.set(lease);
                Chip chip = ChipMaker.fresh(config, lease, serving);
                return new CoreUnit(ids.getAsInt(), this, config, platform, chip, lease);
            });
        } catch (VendorFailure e) {
            Lease lease = given.get();
            if (lease != null) {
                lease.end();
            }
            throw e;
        }
    }

    private Platform machine(PlatformConfig config, VendorThread thread) {
        try {
            return thread.call("making a machine", SwapLimits.DEFAULT.handoverNanos(), () -> {
                Platform platform = platforms.create(config);
                if (platform == null || platform.memory() == null) {
                    throw new BackendException(Errno.EIO, "nobody makes a machine for the unit");
                }
                return platform;
            });
        } catch (VendorFailure e) {
            throw e.toUsers();
        }
    }

    /**
     * The one that serves could not make something: the next best serves when this returns. Otherwise, or if it was a refusal
     * of what was asked for, throws what happened.
     */
    private void expectGivenWay(BackendEntry serving, VendorFailure failure, int subVersion) {
        serving.contained(failure.thrown());
        boolean asked = failure.isRefusal() && failure.errno() != Errno.EIO;
        if (asked || !giveWay(serving, failure.getMessage(), failure.thrown().unloadable(), subVersion)) {
            throw failure.toUsers();
        }
    }

    /** Descriptions outlive their backends: they tell what generations look like that nobody serves any more. */
    private void remember(BackendDescription description) {
        if (!known.contains(description)) {
            known.add(description);
            if (known.size() > DESCRIPTIONS_KEPT) {
                known.remove(0);
            }
        }
    }

    /** Makes a virtual IOMMU; waits for a backend as other calls of a unit do. */
    @Override
    public CoreGuest openGuest(CoreUnit unit, HardwareConfig config, GuestRequests sink) {
        lock.lock();
        try {
            long remaining = Unit.DMA_WAIT_NANOS;
            while (active == null && !closed && remaining > 0) {
                remaining = served.awaitNanos(remaining);
            }
            for (; ; ) {
                BackendEntry serving = active;
                if (serving == null) {
                    throw new BackendException(Verdict.UNAVAILABLE.errno(), Verdict.UNAVAILABLE.reason());
                }
                try {
                    CoreGuest guest = make(unit, config, sink, serving);
                    unit.guests().add(guest);
                    if (unit.gate().isClosed()) {
                        // It may have looked at its virtual IOMMUs already.
                        guest.close();
                    }
                    return guest;
                } catch (VendorFailure e) {
                    expectGivenWay(serving, e, unit.subVersion());
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BackendException(Verdict.INTERRUPTED.errno(), Verdict.INTERRUPTED.reason());
        } finally {
            lock.unlock();
        }
    }

    private static CoreGuest make(CoreUnit unit, HardwareConfig config, GuestRequests sink, BackendEntry serving)
            throws VendorFailure {
        Backend backend = serving.facts().backend();
        AtomicReference<Lease> given = new AtomicReference<>();
        try (VendorThread thread = new VendorThread("iommu4j-open")) {
            return thread.call("making a virtual IOMMU", SwapLimits.DEFAULT.handoverNanos(), () -> {
                Lease lease = new Lease(unit.guestPlatform());
                given.set(lease);
                GuestDecoder decoder = backend.createGuestDecoder(config, lease);
                if (decoder == null) {
                    throw new BackendException(Errno.EIO, serving + " made no virtual IOMMU");
                }
                return new CoreGuest(sink, new CoreGuest.Seat(serving, decoder, ""), lease);
            });
        } catch (VendorFailure e) {
            Lease lease = given.get();
            if (lease != null) {
                lease.endAndFree();
            }
            throw e;
        }
    }

    /** Classes of a backend cannot be loaded any more: if it serves, it gives way to the next best once the call is out. */
    private void giveWayLater(BackendEntry entry, String reason) {
        if (entry != active || standby().isEmpty()) {
            return;
        }
        Thread leaver = new Thread(
                null,
                () -> {
                    lock.lock();
                    try {
                        giveWay(entry, reason, true, NO_MORE_GENERATIONS);
                    } finally {
                        lock.unlock();
                    }
                },
                "iommu4j-give-way",
                0,
                false);
        leaver.setDaemon(true);
        leaver.start();
    }

    /**
     * The one that serves has failed and gives way to the next best that serves a generation more, with the state of all units
     * if it can be had.
     *
     * @param atAnyCost true if it cannot go on: then units are rebuilt if their state cannot be had
     * @return true if another one serves
     */
    private boolean giveWay(BackendEntry failing, String reason, boolean atAnyCost, int subVersion) {
        if (failing != active) {
            return active != null;
        }
        List<BackendEntry> candidates = standby();
        candidates.removeIf(candidate ->
                subVersion != NO_MORE_GENERATIONS && candidate.description().generation(subVersion) == null);
        for (BackendEntry next : candidates) {
            if (move(next, SwapLimits.DEFAULT).outcome() == Outcome.DONE) {
                failing.become(State.FAILED, reason);
                return true;
            }
        }
        if (!atAnyCost || candidates.isEmpty()) {
            return false;
        }
        Start start = new Start(failing.description().version(), SwapLimits.DEFAULT);
        SwapReport left = giveUp(failing, start);
        failing.become(State.FAILED, reason);
        followed(start, left);
        return active != null;
    }

    /**
     * Finds who follows one that has left: the newest that stands by, then those that failed, as any that works is better than
     * none.
     *
     * @param left the report of the departure, or null
     * @return the report of the last try; null if there is nothing to report
     */
    private SwapReport followed(Start start, SwapReport left) {
        SwapReport report = left;
        List<BackendEntry> candidates = standby();
        candidates.addAll(inState(State.FAILED));
        List<BackendEntry> unfit = new ArrayList<>();
        for (BackendEntry successor : candidates) {
            if (!isFit(successor)) {
                unfit.add(successor);
                continue;
            }
            report = adopt(successor, start);
            if (active != null) {
                return report;
            }
        }
        for (BackendEntry successor : unfit) {
            if (successor.isLastResort()) {
                report = adopt(successor, start);
                if (active != null) {
                    return report;
                }
            }
        }
        if (left != null) {
            told(left, CoreEvents.Way.DEPARTURE);
            if (!candidates.isEmpty()) {
                events.nobodyServes(model, "none of " + candidates + " can");
            }
        }
        return report;
    }

    /** True if a backend has passed its trial; one that failed gets another. */
    private boolean isFit(BackendEntry candidate) {
        if (candidate.state() != State.FAILED) {
            return true;
        }
        candidate.tried(Trial.of(candidate, platforms));
        return candidate.state() != State.FAILED;
    }

    private SwapReport told(SwapReport report) {
        return told(report, CoreEvents.Way.SIDE_BY_SIDE);
    }

    private SwapReport told(SwapReport report, CoreEvents.Way way) {
        events.swapped(report, way);
        return report;
    }

    /** A unit is closed. */
    @Override
    public void closed(CoreUnit unit) {
        units.remove(unit);
    }

    /** Closes everything, for good. */
    public void close() {
        closed = true;
        for (CoreUnit unit : units) {
            unit.close();
        }
        lock.lock();
        try {
            // A unit that was being made when the first look was taken.
            for (CoreUnit unit : units) {
                unit.close();
            }
            active = null;
            entries.forEach(BackendEntry::retire);
            entries.clear();
            shims.clear();
            served.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private BackendEntry find(String version) {
        BackendEntry found = null;
        for (BackendEntry entry : entries) {
            boolean named = entry.description().version().equals(version) || ("#" + entry.id()).equals(version);
            if (named && (found == null || found == active)) {
                found = entry;
            }
        }
        return found;
    }

    /** Who could serve, newest first. */
    private List<BackendEntry> standby() {
        return inState(State.STANDBY);
    }

    private List<BackendEntry> inState(State state) {
        List<BackendEntry> candidates = new ArrayList<>();
        for (BackendEntry entry : entries) {
            if (entry.state() == state) {
                candidates.add(entry);
            }
        }
        candidates.sort(Comparator.comparing(BackendEntry::version).reversed());
        return candidates;
    }

    private SwapReport refused(String version, String reason) {
        BackendEntry serving = active;
        return new SwapReport(
                model,
                serving == null ? "" : serving.description().version(),
                version == null ? "" : version,
                Outcome.REFUSED,
                reason,
                0,
                0,
                0,
                false,
                List.of(),
                List.of());
    }

    /** From the backend that serves to another that is present; on any failure everything is as before. */
    private SwapReport move(BackendEntry target, SwapLimits limits) {
        BackendEntry old = active;
        String oldReason = old.status().reason();
        Inspection inspection = inspect(target);
        if (!inspection.obstacle().isEmpty() || !inspection.lost().isEmpty()) {
            target.become(State.STANDBY, inspection.reason());
            return told(inspection.report(old, target, Outcome.REFUSED));
        }
        Start start = new Start(old.description().version(), limits);
        Move move = new Move(units);
        boolean moved = false;
        try (VendorThread thread = new VendorThread("iommu4j-handover")) {
            old.become(State.DRAINING);
            start.pauseBegins();
            String busy = move.hold(Gate.deadline(limits.drainNanos()), false);
            if (busy != null) {
                target.become(State.STANDBY, "old still busy: " + busy);
                return start.report(target, Outcome.ROLLED_BACK, target.status().reason(), move, List.of());
            }
            long deadline = Gate.deadline(limits.handoverNanos());
            try {
                thread.call("saving by " + old, limits.handoverNanos(), () -> {
                    move.save(false);
                    return null;
                });
            } catch (VendorFailure e) {
                old.contained(e.thrown());
                target.become(State.STANDBY, e.getMessage());
                return start.report(target, Outcome.ROLLED_BACK, e.getMessage(), move, List.of());
            }
            List<String> lost = move.renew(this, target);
            if (!lost.isEmpty()) {
                target.become(State.STANDBY, "agreements would be lost");
                return start.report(target, Outcome.ROLLED_BACK, "agreements would be lost", move, lost);
            }
            Move.Attempt attempt = move.attempt(target, false);
            try {
                thread.call("restoring by " + target, Math.max(0, deadline - System.nanoTime()), attempt);
            } catch (VendorFailure e) {
                target.contained(e.thrown());
                // Who says no to a state is sound; the state may not be.
                target.become(e.isRefusal() ? State.STANDBY : State.FAILED, e.getMessage());
                return start.report(
                        target, Outcome.ROLLED_BACK, e.getMessage() + attempt.refusedState(), move, List.of());
            }
            move.take(attempt);
            active = target;
            target.become(State.ACTIVE);
            move.commit();
            moved = true;
            start.pauseEnds();
            return start.report(target, Outcome.DONE, "", move, List.of());
        } finally {
            if (moved) {
                old.become(old.isLastResort() ? State.FAILED : State.STANDBY, oldReason);
            } else {
                move.rollBack();
                old.become(State.ACTIVE, oldReason);
            }
        }
    }

    /** The backend that serves stops to serve, whatever it takes; what becomes of it is the caller's to say. */
    private SwapReport giveUp(BackendEntry old, Start start) {
        Move move = new Move(units);
        try (VendorThread thread = new VendorThread("iommu4j-handover")) {
            old.become(State.DRAINING);
            start.pauseBegins();
            move.hold(Gate.deadline(start.limits.drainNanos()), true);
            move.leaveBehind();
            String reason = "no backend is left";
            try {
                thread.call("saving by " + old, start.limits.handoverNanos(), () -> {
                    move.save(true);
                    return null;
                });
            } catch (VendorFailure e) {
                old.contained(e.thrown());
                reason = reason + "; " + e.getMessage();
            }
            move.leaveAbsent(old.toString());
            return start.untold(null, Outcome.DONE, reason, move, List.of());
        } finally {
            active = null;
            orphaned = true;
        }
    }

    /**
     * A backend begins to serve where none does.
     *
     * @return the report; null if nobody served before and there was no unit that waited
     */
    private SwapReport adopt(BackendEntry target, Start start) {
        String why = target.status().reason();
        start.way = start.from.isEmpty() ? CoreEvents.Way.IN_PLACE : CoreEvents.Way.SUCCESSION;
        for (CoreUnit unit : units) {
            if (target.description().generation(unit.subVersion()) == null) {
                String reason = target + " does not serve generation 0x" + Integer.toHexString(unit.subVersion())
                        + " of " + unit;
                target.become(State.STANDBY, reason);
                return start.report(target, Outcome.REFUSED, reason, null, List.of());
            }
        }
        Move move = new Move(units);
        boolean moved = false;
        try {
            start.pauseBegins();
            move.hold(Gate.deadline(start.limits.drainNanos()), true);
            List<String> lost = new ArrayList<>(move.renew(this, target));
            move.take(restored(move, target, start.limits));
            active = target;
            target.become(State.ACTIVE, target.isLastResort() ? "nobody else can serve; " + why : "");
            move.commit();
            moved = true;
            start.pauseEnds();
            served.signalAll();
            lost.addAll(move.broken());
            boolean silent = move.size() == 0 && start.from.isEmpty() && !orphaned;
            orphaned = false;
            if (silent) {
                events.serves(target);
                return null;
            }
            return start.report(target, Outcome.DONE, move.rebuiltBecause(), move, lost);
        } catch (VendorFailure e) {
            target.become(State.FAILED, e.getMessage());
            return start.report(target, Outcome.ROLLED_BACK, e.getMessage(), move, List.of());
        } finally {
            if (!moved) {
                move.rollBack();
            }
        }
    }

    /** Makes everything anew; if the reader of a state breaks or hangs at it, once more from reset. */
    private static Move.Attempt restored(Move move, BackendEntry target, SwapLimits limits) throws VendorFailure {
        Move.Attempt first = move.attempt(target, true);
        try (VendorThread thread = new VendorThread("iommu4j-handover")) {
            thread.call("restoring by " + target, limits.handoverNanos(), first);
            return first;
        } catch (VendorFailure e) {
            target.contained(e.thrown());
            if (!move.giveUpStates(e.getMessage() + first.refusedState())) {
                throw e;
            }
        }
        Move.Attempt second = move.attempt(target, true);
        try (VendorThread thread = new VendorThread("iommu4j-handover")) {
            thread.call("rebuilding by " + target, limits.handoverNanos(), second);
            return second;
        } catch (VendorFailure e) {
            target.contained(e.thrown());
            throw e;
        }
    }

    /** Shims have come or gone: containers whose agreement changes get another session. */
    private void renegotiate() {
        BackendEntry serving = active;
        if (serving == null || !anyAgreementChanges(serving)) {
            return;
        }
        Move move = new Move(units);
        move.hold(Gate.deadline(SwapLimits.DEFAULT.drainNanos()), true);
        try {
            move.renew(this, serving).forEach(events::agreementEnded);
        } finally {
            move.commitSessions();
        }
        move.surviving().forEach(events::agreementChanged);
    }

    private boolean anyAgreementChanges(BackendEntry serving) {
        for (CoreUnit unit : units) {
            for (CoreContainer container : unit.allContainers()) {
                Session session = container.session();
                if (session != null
                        && !session.isStale()
                        && !negotiate(serving, container.renewedOffer(), unit.subVersion())
                                .equals(session.found())) {
                    return true;
                }
            }
        }
        return false;
    }

    private long parkedTotal() {
        long total = 0;
        for (CoreUnit unit : units) {
            total += unit.gate().parkedTotal();
        }
        return total;
    }

    /** Looks what a swap would do to whom, before anything moves. */
    private Inspection inspect(BackendEntry target) {
        BackendDescription description = target.description();
        String obstacle = "";
        List<String> surviving = new ArrayList<>();
        List<String> lost = new ArrayList<>();
        BackendEntry serving = active;
        int count = 0;
        for (CoreUnit unit : units) {
            count++;
            if (description.generation(unit.subVersion()) == null) {
                obstacle = target + " does not serve generation 0x" + Integer.toHexString(unit.subVersion()) + " of "
                        + unit;
            } else if (serving != null && obstacle.isEmpty()) {
                obstacle = ChipMaker.obstacle(serving.description().stateWritten(), description);
            }
            for (CoreContainer container : unit.allContainers()) {
                Session session = container.session();
                boolean lostBefore = session != null && session.refuses();
                if (container.isClosing() || lostBefore) {
                    continue;
                }
                Agreement agreement = negotiate(target, container.renewedOffer(), unit.subVersion())
                        .agreement();
                if (agreement.kind() == Agreement.Kind.REFUSED) {
                    lost.add(container + ": " + agreement.reason());
                } else {
                    surviving.add(container + ": " + agreement.kind());
                }
            }
        }
        return new Inspection(obstacle, count, surviving, lost);
    }

    /** What a swap would do. */
    private record Inspection(String obstacle, int units, List<String> surviving, List<String> lost) {
        private String reason() {
            if (!obstacle.isEmpty()) {
                return obstacle;
            }
            return lost.isEmpty() ? "" : "agreements would be lost";
        }

        private SwapReport report(BackendEntry from, BackendEntry to, Outcome outcome) {
            return new SwapReport(
                    to.model(),
                    from == null ? "" : from.description().version(),
                    to.description().version(),
                    outcome,
                    reason(),
                    0,
                    units,
                    0,
                    false,
                    surviving,
                    lost);
        }
    }

    /** How an undertaking began. */
    private final class Start {
        private final String from;
        private final SwapLimits limits;
        private long pausedAt;
        private long parkedBefore;
        private long pauseNanos = -1;
        private CoreEvents.Way way = CoreEvents.Way.SIDE_BY_SIDE;

        private Start(String from, SwapLimits limits) {
            this.from = from;
            this.limits = limits;
        }

        /** A pause that has begun goes on: a backend that leaves and its successor make one. */
        private void pauseBegins() {
            if (pausedAt == 0) {
                parkedBefore = parkedTotal();
                pausedAt = System.nanoTime();
            }
        }

        private void pauseEnds() {
            pauseNanos = System.nanoTime() - pausedAt;
        }

        private SwapReport report(BackendEntry to, Outcome outcome, String reason, Move move, List<String> lost) {
            return told(untold(to, outcome, reason, move, lost), way);
        }

        private SwapReport untold(BackendEntry to, Outcome outcome, String reason, Move move, List<String> lost) {
            if (pauseNanos < 0 && pausedAt != 0) {
                pauseEnds();
            }
            return new SwapReport(
                    model,
                    from,
                    to == null ? "" : to.description().version(),
                    outcome,
                    reason,
                    Math.max(0, pauseNanos),
                    move == null ? 0 : move.size(),
                    pausedAt == 0 ? 0 : (int) Math.max(0, parkedTotal() - parkedBefore),
                    outcome == Outcome.DONE && move != null && move.size() > 0,
                    move == null ? List.of() : move.surviving(),
                    lost);
        }
    }
}
