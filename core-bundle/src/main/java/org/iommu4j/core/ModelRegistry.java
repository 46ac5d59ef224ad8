package org.iommu4j.core;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
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
final class ModelRegistry {
    private static final int DESCRIPTIONS_KEPT = 64;

    private final IommuModel model;

    /** Guards who serves and every undertaking. */
    private final ReentrantLock lock = new ReentrantLock();

    private final Condition served = lock.newCondition();
    private final List<BackendEntry> entries = new CopyOnWriteArrayList<>();
    private final List<BackendDescription> known = new CopyOnWriteArrayList<>();
    private final List<ShimLink> shims = new CopyOnWriteArrayList<>();
    private final List<CoreUnit> units = new CopyOnWriteArrayList<>();
    private volatile BackendEntry active;
    private volatile boolean closed;

    /** The registry of a model. */
    ModelRegistry(IommuModel model) {
        this.model = model;
    }

    /** Who serves, or null. */
    BackendEntry active() {
        return active;
    }

    /** The open units. */
    List<CoreUnit> units() {
        return units;
    }

    /**
     * A backend has come: it serves if nobody does or if it is newer than who does.
     *
     * @return the report of the swap; null if nothing was swapped
     */
    SwapReport arrived(BackendEntry entry) {
        lock.lock();
        try {
            if (closed || entry.state() == State.RETIRED) {
                entry.retire();
                return null;
            }
            entries.add(entry);
            remember(entry.description());
            entry.become(State.STANDBY);
            if (active == null) {
                return adopt(entry, new Start("", SwapLimits.DEFAULT));
            }
            return entry.version().compareTo(active.version()) > 0 ? move(entry, SwapLimits.DEFAULT) : null;
        } finally {
            lock.unlock();
        }
    }

    /**
     * A backend is leaving; when this returns, no call is inside it, unless one has not come out in a bounded time.
     *
     * @return the report of what happened to the units; null if it did not serve
     */
    SwapReport leaving(BackendEntry entry) {
        lock.lock();
        try {
            boolean present = entries.remove(entry);
            if (!present || entry != active) {
                // One that leaves before it was let in finds itself retired there.
                entry.retire();
                return null;
            }
            Start start = new Start(entry.description().version(), SwapLimits.DEFAULT);
            SwapReport report = giveUp(entry, start);
            for (BackendEntry successor : standby()) {
                report = adopt(successor, start);
                if (report == null || report.outcome() == Outcome.DONE) {
                    break;
                }
            }
            return report;
        } finally {
            lock.unlock();
        }
    }

    /** Makes a present backend serve. */
    SwapReport swap(String version, SwapLimits limits) {
        lock.lock();
        try {
            BackendEntry target = find(version);
            if (target == null) {
                return refused(version, "no backend of model " + model + " has version " + version);
            }
            if (target == active) {
                return refused(version, target + " serves already");
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

    /** What {@link #swap} would do. */
    SwapReport preview(String version) {
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
    void arrived(ShimLink shim) {
        lock.lock();
        try {
            shims.add(shim);
            renegotiate();
        } finally {
            lock.unlock();
        }
    }

    /** A shim is leaving; when this returns, no request goes through it. */
    void leaving(Shim shim) {
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
    Agreement negotiate(Offer offer, int hostSubVersion) {
        BackendEntry serving = active;
        BackendEntry.Facts facts = serving == null ? null : serving.facts();
        return facts == null
                ? Negotiator.refusal(offer, hostSubVersion, "no backend serves model " + model)
                : Negotiator.negotiate(offer, hostSubVersion, serving.description(), shimsWith(facts))
                        .agreement();
    }

    /** What a client gets from a backend. */
    Negotiator.Found negotiate(BackendEntry serving, Offer offer, int hostSubVersion) {
        return Negotiator.negotiate(offer, hostSubVersion, serving.description(), shimsWith(serving.facts()));
    }

    /** A session with a backend. */
    Session session(ContainerConfig config, Negotiator.Found found, BackendEntry serving) {
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

    /** Makes a unit. */
    CoreUnit openUnit(IntSupplier ids, UnitConfig config, PlatformFactory platforms) {
        lock.lock();
        try {
            if (closed) {
                throw new BackendException(Errno.ENODEV, "the core has stopped");
            }
            for (BackendEntry candidate : active == null ? standby() : List.<BackendEntry>of()) {
                SwapReport report = adopt(candidate, new Start("", SwapLimits.DEFAULT));
                if (report == null || report.outcome() == Outcome.DONE) {
                    break;
                }
            }
            BackendEntry serving = active;
            if (serving == null) {
                throw new BackendException(Errno.ENODEV, "no backend serves model " + model);
            }
            int subVersion = config.hardware().subVersion();
            Generation generation = serving.description().generation(subVersion);
            if (generation == null) {
                throw new BackendException(
                        Errno.EPROTONOSUPPORT,
                        serving + " does not serve generation 0x" + Integer.toHexString(subVersion));
            }
            Platform platform = platform(config, generation, platforms);
            try (VendorThread thread = new VendorThread("iommu4j-open")) {
                Chip chip = thread.call(
                        "making a unit",
                        SwapLimits.DEFAULT.handoverNanos(),
                        () -> Move.fresh(config, platform.forOwner(PageOwner.HOST), serving));
                CoreUnit unit = new CoreUnit(ids.getAsInt(), this, config, platform, chip);
                units.add(unit);
                return unit;
            } catch (VendorFailure e) {
                throw e.toUsers();
            }
        } finally {
            lock.unlock();
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

    private static Platform platform(UnitConfig config, Generation generation, PlatformFactory platforms) {
        int width = config.hostAddressWidth() == 0 ? generation.hostAddressWidth() : config.hostAddressWidth();
        PlatformConfig machine;
        try {
            machine =
                    new PlatformConfig(width, config.ram(), config.interrupts(), config.devices(), config.sanitizer());
        } catch (IllegalArgumentException e) {
            throw new BackendException(Errno.EINVAL, e.getMessage());
        }
        Platform platform = platforms.create(machine);
        if (platform == null || platform.memory() == null) {
            throw new BackendException(Errno.EIO, "nobody makes a machine for the unit");
        }
        return platform;
    }

    /** Makes a virtual IOMMU; waits for a backend as other calls of a unit do. */
    CoreGuest openGuest(CoreUnit unit, HardwareConfig config, GuestRequests sink) {
        lock.lock();
        try {
            long remaining = Unit.DMA_WAIT_NANOS;
            while (active == null && !closed && remaining > 0) {
                remaining = served.awaitNanos(remaining);
            }
            BackendEntry serving = active;
            if (serving == null) {
                throw new BackendException(Verdict.UNAVAILABLE.errno(), Verdict.UNAVAILABLE.reason());
            }
            Backend backend = serving.facts().backend();
            try (VendorThread thread = new VendorThread("iommu4j-open")) {
                GuestDecoder decoder = thread.call(
                        "making a virtual IOMMU",
                        SwapLimits.DEFAULT.handoverNanos(),
                        () -> backend.createGuestDecoder(config, unit.guestPlatform()));
                if (decoder == null) {
                    throw new BackendException(Errno.EIO, serving + " made no virtual IOMMU");
                }
                CoreGuest guest = new CoreGuest(sink, new CoreGuest.Seat(serving, decoder, ""));
                unit.guests().add(guest);
                return guest;
            } catch (VendorFailure e) {
                throw e.toUsers();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BackendException(Verdict.INTERRUPTED.errno(), Verdict.INTERRUPTED.reason());
        } finally {
            lock.unlock();
        }
    }

    /** A unit is closed. */
    void closed(CoreUnit unit) {
        units.remove(unit);
    }

    /** Closes everything, for good. */
    void close() {
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
        List<BackendEntry> candidates = new ArrayList<>();
        for (BackendEntry entry : entries) {
            if (entry.state() == State.STANDBY) {
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
        Inspection inspection = inspect(target);
        if (!inspection.obstacle().isEmpty() || !inspection.lost().isEmpty()) {
            target.become(State.STANDBY, inspection.reason());
            return inspection.report(old, target, Outcome.REFUSED);
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
                target.become(State.STANDBY, e.getMessage());
                return start.report(target, Outcome.ROLLED_BACK, e.getMessage(), move, List.of());
            }
            List<String> lost = move.renew(this, target);
            if (!lost.isEmpty()) {
                target.become(State.STANDBY, "agreements would be lost");
                return start.report(target, Outcome.ROLLED_BACK, "agreements would be lost", move, lost);
            }
            try {
                thread.call("restoring by " + target, Math.max(0, deadline - System.nanoTime()), () -> {
                    move.restore(target, false);
                    return null;
                });
            } catch (VendorFailure e) {
                target.become(State.FAILED, e.getMessage());
                return start.report(target, Outcome.ROLLED_BACK, e.getMessage() + move.refusedState(), move, List.of());
            }
            active = target;
            target.become(State.ACTIVE);
            move.commit();
            moved = true;
            start.pauseEnds();
            return start.report(target, Outcome.DONE, "", move, List.of());
        } finally {
            if (moved) {
                old.become(State.STANDBY);
            } else {
                move.rollBack();
                old.become(State.ACTIVE);
            }
        }
    }

    /** The backend that serves stops to serve, whatever it takes. */
    private SwapReport giveUp(BackendEntry old, Start start) {
        Move move = new Move(units);
        try (VendorThread thread = new VendorThread("iommu4j-handover")) {
            old.become(State.DRAINING);
            start.pauseBegins();
            move.hold(Gate.deadline(start.limits.drainNanos()), true);
            String reason = "no backend is left";
            try {
                thread.call("saving by " + old, start.limits.handoverNanos(), () -> {
                    move.save(true);
                    return null;
                });
            } catch (VendorFailure e) {
                reason = reason + "; " + e.getMessage();
            }
            move.leaveAbsent(old.toString());
            return start.report(null, Outcome.DONE, reason, move, List.of());
        } finally {
            active = null;
            old.retire();
        }
    }

    /**
     * A backend begins to serve where none does.
     *
     * @return the report; null if there was no unit that waited for it
     */
    private SwapReport adopt(BackendEntry target, Start start) {
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
        try (VendorThread thread = new VendorThread("iommu4j-handover")) {
            start.pauseBegins();
            move.hold(Gate.deadline(start.limits.drainNanos()), true);
            List<String> lost = new ArrayList<>(move.renew(this, target));
            thread.call("restoring by " + target, start.limits.handoverNanos(), () -> {
                move.restore(target, true);
                return null;
            });
            active = target;
            target.become(State.ACTIVE);
            move.commit();
            moved = true;
            start.pauseEnds();
            served.signalAll();
            lost.addAll(move.broken());
            return move.size() == 0 && start.from.isEmpty()
                    ? null
                    : start.report(target, Outcome.DONE, move.rebuiltBecause(), move, lost);
        } catch (VendorFailure e) {
            target.become(State.FAILED, e.getMessage());
            return start.report(target, Outcome.ROLLED_BACK, e.getMessage() + move.refusedState(), move, List.of());
        } finally {
            if (!moved) {
                move.rollBack();
            }
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
            move.renew(this, serving);
        } finally {
            move.commitSessions();
        }
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
                obstacle = Move.obstacle(serving.description().stateWritten(), description);
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
