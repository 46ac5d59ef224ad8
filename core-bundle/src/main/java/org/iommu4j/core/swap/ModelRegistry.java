package org.iommu4j.core.swap;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntSupplier;
import java.util.stream.Collectors;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PlatformFactory;
import org.iommu4j.backend.Shim;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.backends.BackendEntry;
import org.iommu4j.core.backends.CoreEvents;
import org.iommu4j.core.backends.Trial;
import org.iommu4j.core.containers.CoreGuest;
import org.iommu4j.core.containers.CoreUnit;
import org.iommu4j.core.containers.GuestBackend;
import org.iommu4j.core.containers.Session;
import org.iommu4j.core.containers.UnitRegistry;
import org.iommu4j.core.foreign.VendorFailure;
import org.iommu4j.core.foreign.VendorThread;
import org.iommu4j.core.gate.Gate;
import org.iommu4j.core.gate.Verdict;
import org.iommu4j.core.negotiation.Negotiated;
import org.iommu4j.core.negotiation.Negotiator;
import org.iommu4j.core.negotiation.ShimLink;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.BackendStatus.State;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.NegotiationTable;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.core.service.SwapReport.Outcome;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;

/**
 * The backends, shims and units of one model, and who serves: the first backend that comes, then any newer one, or
 * whichever is asked for. One undertaking at a time; requests do not come here.
 *
 * <p>The class is long because every way in which a backend begins or ends to serve stands here, under one lock and beside
 * the others: each must leave the same few fields in order. What an undertaking consists of is elsewhere: making in
 * {@link UnitMaker}, moving in {@link Handover}, agreements in {@link Negotiations}, reports in {@link Undertaking}.
 */
public final class ModelRegistry implements UnitRegistry {
    /** In place of a generation: no generation beyond those of the open units is needed. */
    private static final int NO_MORE_GENERATIONS = -1;

    private final IommuModel model;
    private final PlatformFactory platforms;
    private final CoreEvents events;

    /** Guards the choice of the backend that serves, and every undertaking. */
    private final ReentrantLock lock = new ReentrantLock();

    private final Condition served = lock.newCondition();

    /** Signalled whenever a trial has ended. */
    private final Condition tried = lock.newCondition();

    /** The backends whose trial is under way, in some thread that does not have the lock; guarded by the lock. */
    private final Set<BackendEntry> onTrial = new HashSet<>();

    private final List<BackendEntry> entries = new CopyOnWriteArrayList<>();
    private final Negotiations negotiations = new Negotiations();
    private final UnitMaker maker;
    private final List<CoreUnit> units = new CopyOnWriteArrayList<>();
    private volatile BackendEntry active;
    private volatile boolean closed;

    /** True if the backend that served has left and none has followed yet; guarded by the lock. */
    private boolean orphaned;

    /** The only backend, whose trial waits for {@link #useFirst}; null if there is none. Changes under the lock. */
    private volatile BackendEntry unused;

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
        this.maker = new UnitMaker(platforms, this);
    }

    /** The backend that serves, or null. */
    @Override
    public BackendEntry active() {
        return active;
    }

    /** The only backend, if it has not been used yet and so not tried; else null. */
    public BackendEntry unused() {
        return unused;
    }

    /** The open units. */
    public List<CoreUnit> units() {
        return units;
    }

    /**
     * The first backend of the model has come: it is tried when it is first used, as most that are installed in a container are
     * not.
     *
     * @return false if others are there, or a unit waits for it: then it has to be tried now
     */
    public boolean keptUntilUsed(BackendEntry entry) {
        lock.lock();
        try {
            boolean first =
                    !closed && entry.state() != State.RETIRED && entries.isEmpty() && units.isEmpty() && !orphaned;
            if (first) {
                entries.add(entry);
                unused = entry;
            }
            return first;
        } finally {
            lock.unlock();
        }
    }

    /**
     * A backend is about to be used: one that has not been tried yet is tried now, and serves if it passes.
     *
     * @return the report of the swap; null if nothing was swapped
     */
    public SwapReport useFirst() {
        if (unused == null) {
            return null;
        }
        lock.lock();
        try {
            while (unused != null) {
                BackendEntry entry = unused;
                if (onTrial.contains(entry)) {
                    tried.awaitUninterruptibly();
                    continue;
                }
                tryOut(entry);
                if (entry == unused) {
                    try {
                        entries.remove(entry);
                        return arrived(entry);
                    } finally {
                        unused = null;
                    }
                }
            }
            return null;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Tries a backend. The caller's lock is given up meanwhile, as by a wait for a condition: what it knew may be outdated
     * afterwards. Nobody else tries the backend at the same time, and nobody makes it serve.
     */
    private void tryOut(BackendEntry candidate) {
        onTrial.add(candidate);
        candidate.become(State.INSTALLED, "its trial is under way");
        int holds = lock.getHoldCount();
        for (int i = 0; i < holds; i++) {
            lock.unlock();
        }
        Trial.Result result = null;
        try {
            result = Trial.of(candidate, platforms);
        } finally {
            for (int i = 0; i < holds; i++) {
                lock.lock();
            }
            onTrial.remove(candidate);
            tried.signalAll();
            // Unless it has left.
            if (result != null && candidate.state() == State.INSTALLED) {
                candidate.tried(result);
            }
        }
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
            negotiations.remember(entry.description());
            if (entry.state() == State.FAILED && active == null && entry.isLastResort()) {
                return adopt(entry, undertaking("", SwapLimits.DEFAULT));
            }
            if (entry.state() == State.FAILED) {
                boolean wouldServe = active == null || entry.version().compareTo(active.version()) > 0;
                return wouldServe
                        ? reported(refused(
                                entry.description().version(), entry.status().reason()))
                        : null;
            }
            entry.become(State.STANDBY);
            if (active == null) {
                return adopt(entry, undertaking("", SwapLimits.DEFAULT));
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
            while (onTrial.contains(entry)) {
                tried.awaitUninterruptibly();
            }
            boolean present = entries.remove(entry);
            if (entry == unused) {
                unused = null;
            }
            if (!present || entry != active) {
                fetchGuests(entry);
                // One that leaves before it was let in finds itself retired there.
                entry.retire();
                return null;
            }
            Undertaking undertaking = undertaking(entry.description().version(), SwapLimits.DEFAULT);
            SwapReport left;
            try {
                left = giveUp(entry, undertaking);
            } finally {
                entry.retire();
            }
            return followed(undertaking, left);
        } finally {
            lock.unlock();
        }
    }

    /** Makes a present backend serve. */
    public SwapReport swap(String version, SwapLimits limits) {
        lock.lock();
        try {
            BackendEntry target = settled(version);
            if (target == null) {
                return reported(refused(version, "no backend of model " + model.label() + " has version " + version));
            }
            if (target == active) {
                return reported(refused(version, target + " serves already"));
            }
            if (target.state() == State.FAILED && !(active == null && target.isLastResort())) {
                return reported(refused(version, target.status().reason()));
            }
            if (active != null) {
                return move(target, limits);
            }
            Undertaking undertaking = undertaking("", limits);
            SwapReport report = adopt(target, undertaking);
            return report != null ? report : undertaking.report(target, Outcome.DONE, "", null, List.of());
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
            BackendEntry target = settled(version);
            BackendEntry old = active;
            if (old == null || target == null || target == old) {
                return swap(version, limits);
            }
            for (CoreUnit unit : units) {
                if (target.description().generation(unit.subVersion()) == null) {
                    return reported(preview(target).report(old, target, Outcome.REFUSED));
                }
            }
            if (target.state() == State.FAILED && !target.isLastResort()) {
                return reported(refused(version, target.status().reason()));
            }
            Undertaking undertaking = undertaking(old.description().version(), limits);
            giveUp(old, undertaking);
            old.become(State.FAILED, "given up: " + target + " was made to serve by force");
            SwapReport report = adopt(target, undertaking);
            if (report != null && report.outcome() != Outcome.DONE) {
                return followed(undertaking, report);
            }
            return report != null ? report : undertaking.report(target, Outcome.DONE, "", null, List.of());
        } finally {
            lock.unlock();
        }
    }

    /** Reports what {@link #swap} would do, and changes nothing. */
    public SwapReport preview(String version) {
        lock.lock();
        try {
            BackendEntry target = find(version);
            if (target == null) {
                return refused(version, "no backend of model " + model.label() + " has version " + version);
            }
            return preview(target).report(active, target, Outcome.PREVIEWED);
        } finally {
            lock.unlock();
        }
    }

    /** A shim has come. */
    public void arrived(ShimLink shim) {
        lock.lock();
        try {
            negotiations.add(shim);
            renegotiate();
        } finally {
            lock.unlock();
        }
    }

    /** A shim is leaving; when this returns, no request goes through it. */
    public void leaving(Shim shim) {
        lock.lock();
        try {
            if (negotiations.remove(shim)) {
                renegotiate();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Negotiates a client's offer with the backend that serves now. */
    public Agreement negotiate(Offer offer, int hostSubVersion) {
        BackendEntry serving = active;
        BackendEntry.Parts parts = serving == null ? null : serving.parts();
        return parts == null
                ? Negotiator.refusal(offer, hostSubVersion, "no backend serves model " + model)
                : negotiations.negotiate(serving, parts, offer, hostSubVersion).agreement();
    }

    /** Agreements of clients of each generation with chips of the backend that serves now; null if none does. */
    public NegotiationTable negotiationTable() {
        BackendEntry serving = active;
        BackendEntry.Parts parts = serving == null ? null : serving.parts();
        return parts == null ? null : negotiations.table(serving, parts);
    }

    /** Negotiates a client's offer with a backend. */
    @Override
    public Negotiated negotiate(BackendEntry serving, Offer offer, int hostSubVersion) {
        return negotiations.negotiate(serving, serving.parts(), offer, hostSubVersion);
    }

    /** A session with a backend. */
    @Override
    public Session session(ContainerConfig config, Negotiated negotiated, BackendEntry serving) {
        return negotiations.session(config, negotiated, serving);
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
                followed(undertaking("", SwapLimits.DEFAULT), null);
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
                            serving + " does not serve generation " + Generation.text(subVersion));
                }
                try {
                    CoreUnit unit = maker.unit(ids, config, generation, serving);
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
                    CoreGuest guest = UnitMaker.guest(unit, config, sink, serving);
                    unit.opened(guest);
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

    /** Classes of a backend cannot be loaded any more: if it serves, it gives way to the next best once the call is out. */
    private void giveWayLater(BackendEntry entry, String reason) {
        if (entry != active || standby().isEmpty()) {
            return;
        }
        inBackground("iommu4j-give-way", () -> {
            lock.lock();
            try {
                giveWay(entry, reason, true, NO_MORE_GENERATIONS);
            } finally {
                lock.unlock();
            }
        });
    }

    private static void inBackground(String name, Runnable work) {
        Thread thread = new Thread(null, work, name, 0, false);
        thread.setDaemon(true);
        thread.start();
    }

    /** A swap has not waited for the call inside a virtual IOMMU, which follows when the call is over. */
    private void followLater(GuestPassage laggard) {
        inBackground("iommu4j-follow", () -> {
            if (laggard.passage().awaitLaggard()) {
                follow(laggard.unit(), laggard.guest());
            }
        });
    }

    /**
     * A virtual IOMMU goes over to the backend that serves its unit already. If that cannot be, it stays with the backend that it
     * has, until that leaves: between it and the unit there are nothing but requests of the contract.
     */
    private void follow(CoreUnit unit, CoreGuest guest) {
        lock.lock();
        try {
            BackendEntry target = active;
            if (target == null || guest.gated().lagging() == null) {
                return;
            }
            BackendEntry old = guest.gated().present().backend();
            Handover handover = new Handover(unit, guest);
            handover.hold(Gate.deadline(SwapLimits.DEFAULT.drainNanos()), false);
            boolean moved = false;
            try (VendorThread thread = new VendorThread("iommu4j-handover")) {
                if (old != target) {
                    Takeover takeover = handover.takeover(target, false);
                    thread.call("moving a virtual IOMMU from " + old, SwapLimits.DEFAULT.handoverNanos(), () -> {
                        handover.save(false);
                        return takeover.call();
                    });
                    handover.accept(takeover);
                    handover.commit();
                    moved = true;
                }
            } catch (VendorFailure e) {
                events.guestStays(unit.toString(), old, e.getMessage());
            } finally {
                if (!moved) {
                    handover.stay();
                }
            }
        } finally {
            lock.unlock();
        }
    }

    /** Virtual IOMMUs that are still with a backend which leaves, and has not served any more, go over to the one that serves. */
    private void fetchGuests(BackendEntry leaving) {
        BackendEntry target = active;
        for (CoreUnit unit : units) {
            for (CoreGuest guest : unit.guests()) {
                GuestBackend present = guest.gated().present();
                if (target != null && present != null && present.backend() == leaving) {
                    fetch(unit, guest, leaving, target);
                }
            }
        }
    }

    private void fetch(CoreUnit unit, CoreGuest guest, BackendEntry leaving, BackendEntry target) {
        Handover handover = new Handover(unit, guest);
        handover.hold(Gate.deadline(SwapLimits.DEFAULT.drainNanos()), true);
        handover.leaveBehind();
        try (VendorThread thread = new VendorThread("iommu4j-handover")) {
            thread.call("saving a virtual IOMMU", SwapLimits.DEFAULT.handoverNanos(), () -> {
                handover.save(true);
                return null;
            });
        } catch (VendorFailure e) {
            leaving.contained(e.thrown());
        }
        boolean moved = false;
        try {
            handover.accept(restored(handover, target, SwapLimits.DEFAULT));
            handover.commit();
            moved = true;
        } catch (VendorFailure e) {
            target.become(target.state(), e.getMessage());
        } finally {
            if (!moved) {
                handover.leaveAbsent(leaving.toString());
            }
        }
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
        Undertaking undertaking = undertaking(failing.description().version(), SwapLimits.DEFAULT);
        SwapReport left = giveUp(failing, undertaking);
        failing.become(State.FAILED, reason);
        followed(undertaking, left);
        return active != null;
    }

    /**
     * Finds who follows one that has left: the newest that stands by, then those that failed, as any that works is better than
     * none.
     *
     * @param left the report of the departure, or null
     * @return the report of the last try; null if there is nothing to report
     */
    private SwapReport followed(Undertaking undertaking, SwapReport left) {
        SwapReport report = left;
        List<BackendEntry> asked = new ArrayList<>();
        List<BackendEntry> unfit = new ArrayList<>();
        for (BackendEntry successor = candidate(asked); successor != null; successor = candidate(asked)) {
            if (active != null) {
                // Somebody has come while a trial was under way.
                break;
            }
            asked.add(successor);
            if (successor.state() == State.FAILED) {
                unfit.add(successor);
                continue;
            }
            report = adopt(successor, undertaking);
            if (active != null) {
                return report;
            }
        }
        for (BackendEntry successor : unfit) {
            if (active == null && successor.state() == State.FAILED && successor.isLastResort()) {
                report = adopt(successor, undertaking);
                if (active != null) {
                    return report;
                }
            }
        }
        if (left != null) {
            events.swapped(left, CoreEvents.Way.DEPARTURE);
            if (active == null && !asked.isEmpty()) {
                events.nobodyServes(
                        model,
                        "none of " + asked.stream().map(Object::toString).collect(Collectors.joining(", ")) + " can");
            }
        }
        return report;
    }

    /**
     * The best backend that might serve and has not been asked yet: the newest that stands by, then one that failed and has had
     * another trial; null if there is none. The lock may be given up meanwhile.
     */
    private BackendEntry candidate(List<BackendEntry> asked) {
        for (; ; ) {
            List<BackendEntry> candidates = standby();
            candidates.removeAll(asked);
            if (!candidates.isEmpty()) {
                return candidates.get(0);
            }
            candidates = inState(State.FAILED);
            candidates.removeAll(asked);
            if (!candidates.isEmpty()) {
                tryOut(candidates.get(0));
                return entries.contains(candidates.get(0)) ? candidates.get(0) : candidate(asked);
            }
            if (onTrial.isEmpty()) {
                return null;
            }
            tried.awaitUninterruptibly();
        }
    }

    /**
     * The backend of a version or number once no trial of it is under way; one that failed has had another. Null if there is
     * none. The lock may be given up meanwhile.
     */
    private BackendEntry settled(String version) {
        boolean again = true;
        for (; ; ) {
            BackendEntry found = find(version);
            if (onTrial.contains(found)) {
                tried.awaitUninterruptibly();
            } else if (found != null && found.state() == State.FAILED && again) {
                tryOut(found);
            } else {
                return found;
            }
            again = false;
        }
    }

    private SwapReport reported(SwapReport report) {
        events.swapped(report, CoreEvents.Way.SIDE_BY_SIDE);
        return report;
    }

    @Override
    public void reset(CoreUnit unit) {
        lock.lock();
        try {
            new UnitExchange(unit, active).reset(negotiations);
        } finally {
            lock.unlock();
        }
    }

    @Override
    public Snapshot save(CoreUnit unit) {
        lock.lock();
        try {
            return new UnitExchange(unit, active).save();
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void restore(CoreUnit unit, Snapshot state) {
        lock.lock();
        try {
            new UnitExchange(unit, active).restore(negotiations, state);
        } finally {
            lock.unlock();
        }
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
            unused = null;
            entries.forEach(BackendEntry::retire);
            entries.clear();
            negotiations.clear();
            served.signalAll();
            tried.signalAll();
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

    /** The backends that stand by, newest first. */
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

    /** Hands all units over from the backend that serves to another that is present; on any failure everything is as before. */
    private SwapReport move(BackendEntry target, SwapLimits limits) {
        BackendEntry old = active;
        String oldReason = old.status().reason();
        SwapPreview preview = preview(target);
        if (!preview.obstacle().isEmpty() || !preview.lost().isEmpty()) {
            target.become(State.STANDBY, preview.reason());
            return reported(preview.report(old, target, Outcome.REFUSED));
        }
        Undertaking undertaking = undertaking(old.description().version(), limits);
        Handover handover = new Handover(units);
        boolean moved = false;
        try (VendorThread thread = new VendorThread("iommu4j-handover")) {
            old.become(State.DRAINING);
            undertaking.pauseBegins();
            String busy = handover.hold(Gate.deadline(limits.drainNanos()), false);
            if (busy != null) {
                target.become(State.STANDBY, "old still busy: " + busy);
                return undertaking.report(
                        target, Outcome.ROLLED_BACK, target.status().reason(), handover, List.of());
            }
            long deadline = Gate.deadline(limits.handoverNanos());
            try {
                thread.call("saving by " + old, limits.handoverNanos(), () -> {
                    handover.save(false);
                    return null;
                });
            } catch (VendorFailure e) {
                old.contained(e.thrown());
                target.become(State.STANDBY, e.getMessage());
                return undertaking.report(target, Outcome.ROLLED_BACK, e.getMessage(), handover, List.of());
            }
            List<String> lost = handover.renew(negotiations, target);
            if (!lost.isEmpty()) {
                target.become(State.STANDBY, "agreements would be lost");
                return undertaking.report(target, Outcome.ROLLED_BACK, "agreements would be lost", handover, lost);
            }
            Takeover takeover = handover.takeover(target, false);
            try {
                thread.call("restoring by " + target, Math.max(0, deadline - System.nanoTime()), takeover);
            } catch (VendorFailure e) {
                target.contained(e.thrown());
                // A backend that refuses a state is sound; the state may not be.
                target.become(e.isRefusal() ? State.STANDBY : State.FAILED, e.getMessage());
                return undertaking.report(
                        target, Outcome.ROLLED_BACK, e.getMessage() + takeover.refusedState(), handover, List.of());
            }
            handover.accept(takeover);
            active = target;
            target.become(State.ACTIVE);
            handover.commit();
            moved = true;
            undertaking.pauseEnds();
            List<GuestPassage> laggards = handover.laggards();
            laggards.forEach(this::followLater);
            String reason = laggards.isEmpty()
                    ? ""
                    : "virtual IOMMUs that follow when their command is over: " + laggards.size();
            return undertaking.report(target, Outcome.DONE, reason, handover, List.of());
        } finally {
            if (moved) {
                old.become(old.isLastResort() ? State.FAILED : State.STANDBY, oldReason);
            } else {
                handover.rollBack();
                old.become(State.ACTIVE, oldReason);
            }
        }
    }

    /** Ends the service of the present backend, whatever it takes; the caller decides its next state. */
    private SwapReport giveUp(BackendEntry old, Undertaking undertaking) {
        Handover handover = new Handover(units);
        try (VendorThread thread = new VendorThread("iommu4j-handover")) {
            old.become(State.DRAINING);
            undertaking.pauseBegins();
            handover.hold(Gate.deadline(undertaking.limits().drainNanos()), true);
            handover.leaveBehind();
            String reason = "no backend is left";
            try {
                thread.call("saving by " + old, undertaking.limits().handoverNanos(), () -> {
                    handover.save(true);
                    return null;
                });
            } catch (VendorFailure e) {
                old.contained(e.thrown());
                reason = reason + "; " + e.getMessage();
            }
            handover.leaveAbsent(old.toString());
            return undertaking.build(null, Outcome.DONE, reason, handover, List.of());
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
    private SwapReport adopt(BackendEntry target, Undertaking undertaking) {
        String why = target.status().reason();
        undertaking.inPlace();
        for (CoreUnit unit : units) {
            if (target.description().generation(unit.subVersion()) == null) {
                String reason =
                        target + " does not serve generation " + Generation.text(unit.subVersion()) + " of " + unit;
                target.become(State.STANDBY, reason);
                return undertaking.report(target, Outcome.REFUSED, reason, null, List.of());
            }
        }
        Handover handover = new Handover(units);
        boolean moved = false;
        try {
            undertaking.pauseBegins();
            handover.hold(Gate.deadline(undertaking.limits().drainNanos()), true);
            List<String> lost = new ArrayList<>(handover.renew(negotiations, target));
            handover.accept(restored(handover, target, undertaking.limits()));
            active = target;
            target.become(State.ACTIVE, target.isLastResort() ? "nobody else can serve; " + why : "");
            handover.commit();
            moved = true;
            undertaking.pauseEnds();
            served.signalAll();
            lost.addAll(handover.broken());
            boolean silent = handover.size() == 0 && undertaking.from().isEmpty() && !orphaned;
            orphaned = false;
            if (silent) {
                events.serves(target);
                return null;
            }
            return undertaking.report(target, Outcome.DONE, handover.rebuiltBecause(), handover, lost);
        } catch (VendorFailure e) {
            target.become(State.FAILED, e.getMessage());
            return undertaking.report(target, Outcome.ROLLED_BACK, e.getMessage(), handover, List.of());
        } finally {
            if (!moved) {
                handover.rollBack();
            }
        }
    }

    /** Makes everything anew; if the reader of a state breaks or hangs at it, once more from reset. */
    private static Takeover restored(Handover handover, BackendEntry target, SwapLimits limits) throws VendorFailure {
        Takeover first = handover.takeover(target, true);
        try (VendorThread thread = new VendorThread("iommu4j-handover")) {
            thread.call("restoring by " + target, limits.handoverNanos(), first);
            return first;
        } catch (VendorFailure e) {
            target.contained(e.thrown());
            if (!handover.giveUpStates(e.getMessage() + first.refusedState())) {
                throw e;
            }
        }
        Takeover second = handover.takeover(target, true);
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
        if (serving == null || !negotiations.anyChanges(units, serving)) {
            return;
        }
        Handover handover = new Handover(units);
        handover.holdUnits(Gate.deadline(SwapLimits.DEFAULT.drainNanos()), true);
        try {
            handover.renew(negotiations, serving).forEach(events::agreementEnded);
        } finally {
            handover.commitSessions();
        }
        handover.surviving().forEach(events::agreementChanged);
    }

    private Undertaking undertaking(String from, SwapLimits limits) {
        return new Undertaking(model, units, events, from, limits);
    }

    private SwapPreview preview(BackendEntry target) {
        return SwapPreview.of(target, active, units, negotiations);
    }
}
