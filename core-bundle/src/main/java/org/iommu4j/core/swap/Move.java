package org.iommu4j.core.swap;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Function;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareCounters;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.core.backends.BackendEntry;
import org.iommu4j.core.backends.Chip;
import org.iommu4j.core.backends.ChipMaker;
import org.iommu4j.core.containers.BindLog;
import org.iommu4j.core.containers.CoreContainer;
import org.iommu4j.core.containers.CoreGuest;
import org.iommu4j.core.containers.CoreUnit;
import org.iommu4j.core.containers.SavedUnit;
import org.iommu4j.core.containers.Session;
import org.iommu4j.core.foreign.Thrown;
import org.iommu4j.core.gate.Route;
import org.iommu4j.core.hint.ExplainHints;
import org.iommu4j.core.lease.HardwarePort;
import org.iommu4j.core.lease.Lease;

/**
 * One passage of all units of a model, and of their virtual IOMMUs, from one backend to another, to none, or from none.
 * The steps, in order: {@link #hold}, {@link #save}, {@link #renew}, an {@link #attempt} of the new backend that is
 * {@link #take}n, and then exactly one of {@link #commit}, {@link #rollBack} and {@link #leaveAbsent}. Until {@link #commit}
 * nothing of a unit has changed but that its calls wait.
 *
 * <p>{@link #save} and attempts call foreign code, and run in a thread that may be given up. What {@link #save} leaves here
 * is volatile, so that what was saved before a hang is not lost; an attempt keeps what it makes to itself, so that one that
 * was given up spoils nothing when it goes on.
 */
public final class Move {
    private static final long BLOCKED = -1;

    private final List<UnitPassage> units = new ArrayList<>();
    private final List<GuestPassage> guests = new ArrayList<>();
    private final List<Attempt> attempts = new ArrayList<>();

    /** The attempt that goes into service; null until there is one. */
    private Attempt taken;

    /** One unit under way. */
    private static final class UnitPassage {
        private final CoreUnit unit;
        private boolean held;
        private Route<Chip> before;
        private volatile SavedUnit saved;
        private volatile HardwareCounters counters;
        private Map<CoreContainer, Session> sessions = Map.of();

        private UnitPassage(CoreUnit unit) {
            this.unit = unit;
            this.saved = unit.saved();
        }
    }

    /** One virtual IOMMU under way. */
    private static final class GuestPassage {
        private final CoreUnit unit;
        private final CoreGuest guest;
        private boolean held;
        private Route<CoreGuest.Seat> before;
        private volatile SavedUnit saved;

        private GuestPassage(CoreUnit unit, CoreGuest guest) {
            this.unit = unit;
            this.guest = guest;
            this.saved = guest.saved();
        }
    }

    /** What was made for a unit. */
    private static final class MadeChip {
        private final Lease lease;
        private final Chip chip;

        /** Why the unit starts from reset; empty if it goes on. */
        private final String rebuiltBecause;

        /** Containers whose bindings could not be brought back, with the reason. */
        private final Map<CoreContainer, String> broken = new HashMap<>();

        /**
         * Containers that their clients have closed, with what the chip answers to their closing. Looked at once: one that is
         * closed from now on is closed by whoever is inside next.
         */
        private final Map<CoreContainer, Completion> ended;

        private MadeChip(Map<CoreContainer, Completion> ended, Lease lease, Chip chip, String rebuiltBecause) {
            this.ended = ended;
            this.lease = lease;
            this.chip = chip;
            this.rebuiltBecause = rebuiltBecause;
        }

        private boolean isRebuilt() {
            return !rebuiltBecause.isEmpty();
        }
    }

    /** What was made for a virtual IOMMU; the lease is null if its state is lost. */
    private record MadeSeat(Lease lease, CoreGuest.Seat seat) {}

    /** Prepares the passage of these units; nothing is held yet. */
    Move(List<CoreUnit> moving) {
        for (CoreUnit unit : moving) {
            units.add(new UnitPassage(unit));
            for (CoreGuest guest : unit.guests()) {
                guests.add(new GuestPassage(unit, guest));
            }
        }
    }

    /** Number of units. */
    int size() {
        return units.size();
    }

    /**
     * Makes calls wait and waits for those that are inside. Virtual IOMMUs come first: a call inside one may need a unit.
     *
     * @param atAnyCost true if calls that do not come out are left behind, with the state of their unit
     * @return who is still busy; null if all is quiet or left behind
     */
    String hold(long deadline, boolean atAnyCost) {
        for (GuestPassage passage : guests) {
            passage.before = passage.guest.gate().hold();
            passage.held = true;
        }
        for (GuestPassage passage : guests) {
            boolean quiet = passage.before == null || passage.guest.gate().drained(passage.before, deadline);
            if (!quiet && !atAnyCost) {
                return "a virtual IOMMU of " + passage.unit + " is still busy";
            }
            if (!quiet) {
                passage.guest.abandonSlot(true);
                passage.saved = SavedUnit.lost("", "a call was still inside the virtual IOMMU");
            }
        }
        for (UnitPassage passage : units) {
            passage.before = passage.unit.gate().hold();
            passage.held = true;
        }
        for (UnitPassage passage : units) {
            boolean quiet = passage.before == null || passage.unit.gate().drained(passage.before, deadline);
            if (!quiet && !atAnyCost) {
                return passage.unit + " is still busy";
            }
            if (!quiet) {
                passage.unit.abandonSlot(true);
                passage.saved = SavedUnit.lost("", "a call was still inside " + passage.unit);
            }
        }
        return null;
    }

    /** Chips and virtual IOMMUs with a call inside that did not come out will not be used again: the call is interrupted. */
    void leaveBehind() {
        for (UnitPassage passage : units) {
            if (passage.before != null && passage.unit.slotIsAbandoned()) {
                passage.before.target.giveUp(passage.before.insider());
            }
        }
        for (GuestPassage passage : guests) {
            Thread insider =
                    passage.before != null && passage.guest.slotIsAbandoned() ? passage.before.insider() : null;
            if (insider != null) {
                insider.interrupt();
            }
        }
    }

    /**
     * Saves everything that is quiet. Calls foreign code.
     *
     * @param atAnyCost true if a state that cannot be saved counts as lost instead of stopping the passage
     */
    void save(boolean atAnyCost) {
        for (UnitPassage passage : units) {
            if (passage.before == null || passage.saved != null) {
                continue;
            }
            Chip chip = passage.before.target;
            try {
                passage.counters = CoreUnit.countersOf(chip);
                Snapshot hardware = ChipMaker.checked(chip.hardware().save(), Snapshot.Kind.HARDWARE, chip.backend());
                Snapshot translator = chip.translator() == null
                        ? null
                        : ChipMaker.checked(chip.translator().save(), Snapshot.Kind.TRANSLATOR, chip.backend());
                passage.saved = new SavedUnit(chip.backend().toString(), hardware, translator, "");
            } catch (BackendException e) {
                if (!atAnyCost) {
                    throw e;
                }
                passage.saved = SavedUnit.lost(chip.backend().toString(), "state not saved: " + e.getMessage());
            }
        }
        for (GuestPassage passage : guests) {
            if (passage.before == null || passage.saved != null) {
                continue;
            }
            CoreGuest.Seat seat = passage.before.target;
            if (seat.decoder() == null) {
                passage.saved = SavedUnit.lost(seat.backend().toString(), seat.lostBecause());
                continue;
            }
            try {
                Snapshot state = ChipMaker.checked(seat.decoder().save(), Snapshot.Kind.GUEST, seat.backend());
                passage.saved = new SavedUnit(seat.backend().toString(), state, null, "");
            } catch (BackendException e) {
                if (!atAnyCost) {
                    throw e;
                }
                passage.saved = SavedUnit.lost(seat.backend().toString(), "state not saved: " + e.getMessage());
            }
        }
    }

    /** Text of what a backend threw, in the thread where it was thrown. */
    private static String contained(BackendEntry backend, Throwable thrown) {
        Thrown told = Thrown.of(thrown);
        backend.contained(told);
        return told.text();
    }

    /**
     * A new attempt to make everything anew from what was saved. It is foreign code.
     *
     * @param orRebuild true if a unit whose state is lost, or refused, starts from reset and gets its devices and bindings
     *     again; false if that stops the attempt
     */
    Attempt attempt(BackendEntry target, boolean orRebuild) {
        Attempt attempt = new Attempt(target, orRebuild);
        attempts.add(attempt);
        return attempt;
    }

    /** What an attempt made goes into service with {@link #commit}. */
    void take(Attempt attempt) {
        taken = attempt;
    }

    /**
     * Gives up the saved states at which a reader broke or hung, so that the next attempt starts from reset.
     *
     * @return false if there were none, so that another attempt would do the same again
     */
    boolean giveUpStates(String because) {
        boolean any = false;
        for (UnitPassage passage : units) {
            SavedUnit saved = passage.saved;
            if (saved != null && !saved.isLost()) {
                passage.saved = SavedUnit.lost(saved.by(), "state of " + saved.by() + " refused: " + because);
                any = true;
            }
        }
        for (GuestPassage passage : guests) {
            SavedUnit saved = passage.saved;
            if (saved != null && !saved.isLost()) {
                passage.saved = SavedUnit.lost(saved.by(), "state of " + saved.by() + " refused: " + because);
                any = true;
            }
        }
        return any;
    }

    private void discardAllBut(Attempt kept) {
        for (Attempt attempt : attempts) {
            if (attempt != kept) {
                attempt.discard();
            }
        }
    }

    /**
     * One attempt of a backend to take over. Runs in a thread that may be given up; then whatever it still makes has
     * nothing of the machines any more.
     */
    final class Attempt implements Callable<Void> {
        private final BackendEntry target;
        private final boolean orRebuild;
        private final Map<UnitPassage, MadeChip> chips = new HashMap<>();
        private final Map<GuestPassage, MadeSeat> seats = new HashMap<>();

        /** What decodes the saved state that was refused last, as the end of a sentence; empty if none was. */
        private volatile String refusedState = "";

        /** What was given out, for as long as the attempt counts; null once it is discarded. Guarded by this. */
        private List<Lease> leases = new ArrayList<>();

        private Attempt(BackendEntry target, boolean orRebuild) {
            this.target = target;
            this.orRebuild = orRebuild;
        }

        /** What decodes the saved state that was refused last, as the end of a sentence; empty if none was. */
        String refusedState() {
            return refusedState;
        }

        @Override
        public Void call() {
            for (UnitPassage passage : units) {
                if (!passage.unit.gate().isClosed()) {
                    chips.put(passage, chipFor(passage));
                }
            }
            for (GuestPassage passage : guests) {
                if (!passage.guest.gate().isClosed()) {
                    seats.put(passage, seatFor(passage));
                }
            }
            return null;
        }

        private synchronized Lease lease(Platform machine, Lease predecessor) {
            if (leases == null) {
                throw new BackendException(Errno.ETIMEDOUT, "the attempt was given up");
            }
            Lease lease = new Lease(machine, predecessor);
            leases.add(lease);
            return lease;
        }

        private synchronized void discard() {
            if (leases != null) {
                leases.forEach(Lease::endAndFree);
                leases = null;
            }
        }

        private MadeChip chipFor(UnitPassage passage) {
            Map<CoreContainer, Completion> ended = new HashMap<>();
            for (CoreContainer container : passage.unit.allContainers()) {
                if (container.isClosing()) {
                    ended.put(container, new Completion());
                }
            }
            SavedUnit saved = passage.saved;
            String refusal = saved == null ? "" : saved.lostBecause();
            if (saved != null && !saved.isLost()) {
                Lease lease = lease(passage.unit.hostPlatform(), passage.unit.lease());
                try {
                    return equipped(passage, new MadeChip(ended, lease, restored(passage.unit, saved, lease), ""));
                } catch (Throwable e) {
                    lease.endAndFree();
                    if (!orRebuild) {
                        throw e;
                    }
                    // Whoever wrote a state that its reader breaks at is to blame for it, not the reader.
                    refusal = "state of " + saved.by() + " refused: " + contained(target, e) + refusedState;
                }
            }
            if (!orRebuild) {
                throw new BackendException(Errno.EIO, passage.unit + " has no state");
            }
            return rebuilt(passage, ended, refusal.isEmpty() ? "it had no state" : refusal);
        }

        /**
         * Lets a chip know what users have set, and closes the domains that nobody could close. One that cannot be closed is
         * nobody else's trouble.
         */
        private MadeChip equipped(UnitPassage passage, MadeChip made) {
            passage.unit.equip(made.chip);
            if (!made.isRebuilt()) {
                made.ended.forEach((container, answer) -> {
                    made.chip.translator().closeDomain(container.id(), answer);
                    if (!CoreContainer.isGone(answer)) {
                        made.broken.put(container, "not closed: " + answer);
                    }
                });
            }
            return made;
        }

        private Chip restored(CoreUnit unit, SavedUnit saved, Lease lease) {
            Backend backend = target.facts().backend();
            Hardware hardware = taken(saved.hardware(), state -> backend.restoreHardware(state, lease));
            ChipMaker.checked(hardware, unit.subVersion(), target);
            if (unit.bare()) {
                return new Chip(target, hardware, null);
            }
            Translator translator = taken(
                    saved.translator(), state -> backend.restoreTranslator(state, new HardwarePort(lease, hardware)));
            return new Chip(target, hardware, ChipMaker.checked(translator, unit.subVersion(), target));
        }

        /** What a backend makes of a saved state; if it does not take it, that is the {@link #refusedState}. */
        private <T> T taken(Snapshot state, Function<Snapshot, T> restore) {
            boolean done = false;
            try {
                String obstacle = ChipMaker.obstacle(state.version(), target.description());
                if (!obstacle.isEmpty()) {
                    throw new BackendException(Errno.EPROTONOSUPPORT, obstacle);
                }
                T made = restore.apply(state);
                done = true;
                return made;
            } finally {
                if (!done) {
                    refusedState = "; " + ExplainHints.state(state.bytes());
                }
            }
        }

        /**
         * A chip fresh from reset that gets back the domains, devices and bindings of its containers. Until it is published
         * no device reaches it, and its caches start empty; device TLBs are told to drop everything.
         *
         * @throws BackendException if no container at all gets a domain back: that is no container's fault
         */
        private MadeChip rebuilt(UnitPassage passage, Map<CoreContainer, Completion> ended, String because) {
            CoreUnit unit = passage.unit;
            Lease lease = lease(unit.hostPlatform(), null);
            MadeChip made = new MadeChip(ended, lease, ChipMaker.fresh(unit.config(), lease, target), because);
            boolean any = false;
            String trouble = "";
            for (CoreContainer container : unit.allContainers()) {
                if (ended.containsKey(container)) {
                    continue;
                }
                Completion completion = new Completion();
                if (replay(made.chip.translator(), container, passage.sessions.get(container), completion)) {
                    any = true;
                } else {
                    trouble = completion.toString();
                    made.broken.put(container, "bindings were lost with their backend: " + trouble);
                    any |= block(made.chip.translator(), container);
                }
                for (int requester : container.attachments().keySet()) {
                    unit.platform().devices().invalidate(requester, -1, 0, 0);
                }
            }
            if (!any && !made.broken.isEmpty()) {
                throw new BackendException(Errno.EIO, "no container gets its domain back: " + trouble);
            }
            return equipped(passage, made);
        }

        private MadeSeat seatFor(GuestPassage passage) {
            SavedUnit saved = passage.saved;
            if (saved == null || saved.isLost()) {
                // A guest cannot be asked to do again what it did: it must learn that its IOMMU is gone.
                return lostSeat(saved == null ? "it has no state" : saved.lostBecause());
            }
            Lease lease = lease(passage.unit.guestPlatform(), passage.guest.lease());
            try {
                GuestDecoder decoder = taken(
                        saved.hardware(), state -> target.facts().backend().restoreGuestDecoder(state, lease));
                if (decoder == null) {
                    throw new IllegalStateException(target + " made no virtual IOMMU");
                }
                return new MadeSeat(lease, new CoreGuest.Seat(target, decoder, ""));
            } catch (Throwable e) {
                lease.endAndFree();
                if (!orRebuild) {
                    throw e;
                }
                return lostSeat("state of " + saved.by() + " refused: " + contained(target, e) + refusedState);
            }
        }

        private MadeSeat lostSeat(String because) {
            return new MadeSeat(null, new CoreGuest.Seat(target, null, because));
        }
    }

    /** True if everything of a container is there again; else the completion tells why not. */
    private static boolean replay(
            Translator translator, CoreContainer container, Session session, Completion completion) {
        // Bindings that were lost once stay lost: the devices of such a container must not translate by half of them.
        boolean blocked = session == null || session.isStale();
        if (translator.openDomain(container.id(), completion.begin()) != 0) {
            return false;
        }
        for (Map.Entry<Integer, CoreContainer.Attachment> device :
                container.attachments().entrySet()) {
            int code = translator.attach(
                    container.id(),
                    device.getKey(),
                    blocked ? BLOCKED : device.getValue().table(),
                    device.getValue().levels(),
                    completion.begin());
            if (code != 0) {
                return false;
            }
        }
        if (blocked || session.refuses()) {
            return true;
        }
        BindRequest request = new BindRequest();
        for (BindLog.Entry binding : container.binds().entries()) {
            if (translator.bind(container.id(), binding.into(request), completion.begin()) != 0) {
                return false;
            }
        }
        return container.attachments().isEmpty() || dropEverything(translator, container, completion);
    }

    private static boolean dropEverything(Translator translator, CoreContainer container, Completion completion) {
        InvalidateRequest everything =
                new InvalidateRequest().set(0, 0, 0, 0, 0, translator.subVersion(), new byte[0], 0, 0);
        return ChipMaker.invalidate(translator, container.id(), everything, completion.begin()) == 0
                && translator.finish(completion) == 0;
    }

    /**
     * Empties a domain whose bindings could not be brought back; its devices stay in it, and blocked. A fresh chip that
     * cannot even do that has them blocked anyway.
     *
     * @return true if the chip did as asked
     */
    private static boolean block(Translator translator, CoreContainer container) {
        Completion completion = new Completion();
        translator.closeDomain(container.id(), completion);
        boolean done =
                CoreContainer.isGone(completion) && translator.openDomain(container.id(), completion.begin()) == 0;
        for (int requester : container.attachments().keySet()) {
            done = done && translator.attach(container.id(), requester, BLOCKED, 0, completion.begin()) == 0;
        }
        if (!done) {
            translator.closeDomain(container.id(), completion.begin());
            container.blockDevices();
        }
        return done;
    }

    /**
     * Negotiates for every container with the backend that is to serve. After {@link #hold}, so that no container can
     * open meanwhile.
     *
     * @return containers that cannot go on, with the reason
     */
    List<String> renew(ModelRegistry registry, BackendEntry target) {
        List<String> lost = new ArrayList<>();
        for (UnitPassage passage : units) {
            Map<CoreContainer, Session> sessions = new HashMap<>();
            for (CoreContainer container : passage.unit.allContainers()) {
                Session session = registry.renewed(passage.unit, container, target);
                sessions.put(container, session);
                if (session.refuses() && !container.isClosing()) {
                    lost.add(container + ": " + session.agreement().reason());
                }
            }
            passage.sessions = sessions;
        }
        return lost;
    }

    /** Opens all units on what was made for them; what they had before is over for whoever is still in it. */
    void commit() {
        discardAllBut(taken);
        for (UnitPassage passage : units) {
            CoreUnit unit = passage.unit;
            MadeChip made = taken.chips.get(passage);
            if (made == null) {
                continue;
            }
            if (unit.gate().isClosed()) {
                made.lease.end();
                continue;
            }
            if (passage.counters != null) {
                unit.carry(passage.counters);
            }
            for (CoreContainer container : unit.allContainers()) {
                String trouble = made.broken.get(container);
                if (made.ended.containsKey(container)) {
                    container.end(made.ended.get(container));
                } else if (trouble != null) {
                    container.become(Session.stale(container.agreement(), trouble));
                } else if (passage.sessions.containsKey(container)) {
                    container.become(passage.sessions.get(container));
                }
            }
            if (made.isRebuilt()) {
                unit.lease().endAndFree();
            } else {
                unit.lease().end();
                made.lease.takeOver();
            }
            unit.lease(made.lease);
            unit.keep(null);
            unit.countChip();
            boolean abandoned = unit.slotIsAbandoned();
            unit.abandonSlot(false);
            unit.gate().release(made.chip, abandoned);
        }
        for (GuestPassage passage : guests) {
            MadeSeat made = taken.seats.get(passage);
            if (made != null) {
                passage.guest.lease().end();
                if (made.lease() != null) {
                    // The pages of a lost one stay: chips may still walk the tables in them.
                    made.lease().takeOver();
                    passage.guest.lease(made.lease());
                }
                passage.guest.keep(null);
                boolean abandoned = passage.guest.slotIsAbandoned();
                passage.guest.abandonSlot(false);
                passage.guest.gate().release(made.seat(), abandoned);
            }
        }
    }

    /** Opens all units on what they had, with other sessions. */
    void commitSessions() {
        for (UnitPassage passage : units) {
            passage.sessions.forEach(CoreContainer::become);
        }
        rollBack();
    }

    /** Opens everything that was held on what it had; what had nothing goes on waiting. */
    void rollBack() {
        discardAllBut(null);
        for (UnitPassage passage : units) {
            if (passage.held && passage.before != null) {
                passage.unit.abandonSlot(false);
                passage.unit.gate().release(passage.before);
            } else if (passage.held) {
                passage.unit.gate().absent();
            }
        }
        for (GuestPassage passage : guests) {
            if (passage.held && passage.before != null) {
                passage.guest.abandonSlot(false);
                passage.guest.gate().release(passage.before);
            } else if (passage.held) {
                passage.guest.gate().absent();
            }
        }
    }

    /** Everything goes on waiting, for whoever comes; nothing of the old backend is held any more. */
    void leaveAbsent(String by) {
        discardAllBut(null);
        for (UnitPassage passage : units) {
            passage.unit.lease().end();
            if (passage.counters != null) {
                passage.unit.carry(passage.counters);
            }
            passage.unit.keep(passage.saved != null ? passage.saved : SavedUnit.lost(by, "state not saved in time"));
            for (CoreContainer container : passage.unit.allContainers()) {
                container.forgetBackend();
            }
            passage.unit.gate().absent();
        }
        for (GuestPassage passage : guests) {
            passage.guest.lease().end();
            passage.guest.keep(passage.saved != null ? passage.saved : SavedUnit.lost(by, "state not saved in time"));
            passage.guest.gate().absent();
        }
    }

    /** Why units had to start from reset, and what that cost; empty if none had to. */
    String rebuiltBecause() {
        List<String> reasons = new ArrayList<>();
        for (UnitPassage passage : units) {
            MadeChip made = taken == null ? null : taken.chips.get(passage);
            if (made != null && made.isRebuilt()) {
                reasons.add(passage.unit
                        + (passage.unit.bare() ? " starts from reset: " : " was rebuilt: ")
                        + made.rebuiltBecause);
            }
        }
        return String.join("; ", reasons);
    }

    /** Containers whose bindings could not be brought back, with the reason. */
    List<String> broken() {
        List<String> lines = new ArrayList<>();
        for (UnitPassage passage : units) {
            brokenOf(passage).forEach((container, why) -> lines.add(container + ": " + why));
        }
        return lines;
    }

    private Map<CoreContainer, String> brokenOf(UnitPassage passage) {
        MadeChip made = taken == null ? null : taken.chips.get(passage);
        return made == null ? Map.of() : made.broken;
    }

    /** The containers that go on. */
    List<String> surviving() {
        List<String> lines = new ArrayList<>();
        for (UnitPassage passage : units) {
            passage.sessions.forEach((container, session) -> {
                if (!session.refuses() && !brokenOf(passage).containsKey(container) && !container.isClosing()) {
                    lines.add(container + ": " + session.agreement().kind());
                }
            });
        }
        lines.sort(null);
        return lines;
    }
}
