package org.iommu4j.core;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.HardwareCounters;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.core.service.ExplainHints;
import org.iommu4j.core.service.UnitConfig;

/**
 * One passage of all units of a model, and of their virtual IOMMUs, from one backend to another, to none, or from none.
 * The steps, in order: {@link #hold}, {@link #save}, {@link #renew}, {@link #restore}, and then exactly one of
 * {@link #commit}, {@link #rollBack} and {@link #leaveAbsent}. Until {@link #commit} nothing of a unit has changed but
 * that its calls wait.
 *
 * <p>{@link #save} and {@link #restore} call foreign code, and run in a thread that may be given up; what they leave here
 * is volatile, so that what was saved before a hang is not lost.
 */
final class Move {
    private static final long BLOCKED = -1;

    private final List<UnitPassage> units = new ArrayList<>();
    private final List<GuestPassage> guests = new ArrayList<>();

    /** One unit under way. */
    private static final class UnitPassage {
        private final CoreUnit unit;
        private boolean held;
        private Route<Chip> before;
        private volatile SavedUnit saved;
        private volatile HardwareCounters counters;
        private volatile Chip after;
        private volatile String rebuiltBecause = "";
        private final Map<CoreContainer, String> broken = new HashMap<>();
        private final Set<CoreContainer> ended = new HashSet<>();
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
        private volatile CoreGuest.Seat after;

        private GuestPassage(CoreUnit unit, CoreGuest guest) {
            this.unit = unit;
            this.guest = guest;
            this.saved = guest.saved();
        }
    }

    /** Written by the thread that calls foreign code. */
    private volatile String refusedState = "";

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
                Snapshot hardware = checked(chip.hardware().save(), Snapshot.Kind.HARDWARE, chip.backend());
                Snapshot translator = chip.translator() == null
                        ? null
                        : checked(chip.translator().save(), Snapshot.Kind.TRANSLATOR, chip.backend());
                passage.saved = new SavedUnit(chip.backend().toString(), hardware, translator, "");
            } catch (RuntimeException | Error e) {
                if (!atAnyCost) {
                    throw e;
                }
                passage.saved = SavedUnit.lost(chip.backend().toString(), "state not saved: " + Reasons.of(e));
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
                Snapshot state = checked(seat.decoder().save(), Snapshot.Kind.GUEST, seat.backend());
                passage.saved = new SavedUnit(seat.backend().toString(), state, null, "");
            } catch (RuntimeException | Error e) {
                if (!atAnyCost) {
                    throw e;
                }
                passage.saved = SavedUnit.lost(seat.backend().toString(), "state not saved: " + Reasons.of(e));
            }
        }
    }

    private static Snapshot checked(Snapshot state, Snapshot.Kind kind, BackendEntry by) {
        if (state == null || state.kind() != kind || state.model() != by.model()) {
            throw new BackendException(Errno.EIO, "save() of " + by + " answered " + state + " for its " + kind);
        }
        if (state.version() != by.description().stateWritten()) {
            throw new BackendException(
                    Errno.EIO,
                    "save() of " + by + " wrote state version " + state.version() + ", announced is "
                            + by.description().stateWritten());
        }
        return state;
    }

    /**
     * Makes everything anew from what was saved. Calls foreign code.
     *
     * @param orRebuild true if a unit whose state is lost, or refused, starts from reset and gets its devices and bindings
     *     again; false if that stops the passage
     */
    void restore(BackendEntry target, boolean orRebuild) {
        for (UnitPassage passage : units) {
            if (passage.unit.gate().isClosed()) {
                continue;
            }
            passage.after = chipFor(passage, target, orRebuild);
            passage.unit.equip(passage.after);
            endClosedContainers(passage);
        }
        for (GuestPassage passage : guests) {
            if (!passage.guest.gate().isClosed()) {
                passage.after = seatFor(passage, target, orRebuild);
            }
        }
    }

    private Chip chipFor(UnitPassage passage, BackendEntry target, boolean orRebuild) {
        SavedUnit saved = passage.saved;
        String refusal = saved == null ? "" : saved.lostBecause();
        if (saved != null && !saved.isLost()) {
            try {
                return restored(passage.unit, saved, target);
            } catch (BackendException e) {
                if (!orRebuild) {
                    throw e;
                }
                refusal = "state of " + saved.by() + " refused: " + Reasons.of(e) + refusedState;
            }
        }
        if (!orRebuild) {
            throw new BackendException(Errno.EIO, passage.unit + " has no state");
        }
        passage.rebuiltBecause = refusal;
        return rebuilt(passage, target);
    }

    private Chip restored(CoreUnit unit, SavedUnit saved, BackendEntry target) {
        Backend backend = target.facts().backend();
        Hardware hardware =
                taken(saved.hardware(), target, state -> backend.restoreHardware(state, unit.hostPlatform()));
        checked(hardware, unit, target);
        if (unit.bare()) {
            return new Chip(target, hardware, null);
        }
        Translator translator = taken(
                saved.translator(),
                target,
                state -> backend.restoreTranslator(state, new HardwarePort(unit.hostPlatform(), hardware)));
        return new Chip(target, hardware, checked(translator, unit, target));
    }

    /** What a backend makes of a saved state; if it does not take it, that is the {@link #refusedState}. */
    private <T> T taken(Snapshot state, BackendEntry target, Function<Snapshot, T> restore) {
        try {
            String obstacle = obstacle(state.version(), target.description());
            if (!obstacle.isEmpty()) {
                throw new BackendException(Errno.EPROTONOSUPPORT, obstacle);
            }
            return restore.apply(state);
        } catch (BackendException e) {
            refusedState = "; " + ExplainHints.state(state.bytes());
            throw e;
        }
    }

    /** What decodes the saved state that was refused last, as the end of a sentence; empty if none was. */
    String refusedState() {
        return refusedState;
    }

    /** Why a backend cannot read a version of state; empty if it can. */
    static String obstacle(int stateVersion, BackendDescription reader) {
        return reader.stateOldestRead() <= stateVersion && stateVersion <= reader.stateWritten()
                ? ""
                : "state version " + stateVersion + " is not in " + reader.stateOldestRead() + ".."
                        + reader.stateWritten() + " of " + reader.name() + " " + reader.version();
    }

    private static Hardware checked(Hardware hardware, CoreUnit unit, BackendEntry by) {
        HardwareConfig config = hardware == null ? null : hardware.config();
        if (config == null || config.subVersion() != unit.subVersion()) {
            throw new IllegalStateException(by + " made no chip of generation " + unit.subVersion());
        }
        return hardware;
    }

    private static Translator checked(Translator translator, CoreUnit unit, BackendEntry by) {
        return checked(translator, unit.subVersion(), by);
    }

    private static Translator checked(Translator translator, int subVersion, BackendEntry by) {
        if (translator == null || translator.subVersion() != subVersion) {
            throw new IllegalStateException(by + " made no driver of generation " + subVersion);
        }
        return translator;
    }

    /** A chip fresh from reset, with its driver unless it is bare. Calls foreign code. */
    static Chip fresh(UnitConfig config, Platform platform, BackendEntry by) {
        Backend backend = by.facts().backend();
        int subVersion = config.hardware().subVersion();
        Hardware hardware = backend.createHardware(config.hardware(), platform);
        HardwareConfig made = hardware == null ? null : hardware.config();
        if (made == null || made.subVersion() != subVersion) {
            throw new IllegalStateException(by + " made no chip of generation " + subVersion);
        }
        if (config.bare()) {
            return new Chip(by, hardware, null);
        }
        Translator translator = backend.createTranslator(subVersion, new HardwarePort(platform, hardware));
        return new Chip(by, hardware, checked(translator, subVersion, by));
    }

    /**
     * A chip fresh from reset that gets back the domains, devices and bindings of its containers. Until it is published
     * no device reaches it, and its caches start empty; device TLBs are told to drop everything.
     */
    private static Chip rebuilt(UnitPassage passage, BackendEntry target) {
        CoreUnit unit = passage.unit;
        Chip chip = fresh(unit.config(), unit.hostPlatform(), target);
        for (CoreContainer container : unit.allContainers()) {
            if (container.isClosing()) {
                continue;
            }
            Completion completion = new Completion();
            String trouble;
            try {
                trouble = replay(chip.translator(), container, passage.sessions.get(container), completion);
            } catch (RuntimeException | Error e) {
                trouble = Reasons.of(e);
            }
            if (!trouble.isEmpty()) {
                passage.broken.put(container, "bindings were lost with their backend: " + trouble);
                block(chip.translator(), container, completion);
            }
            for (int requester : container.attachments().keySet()) {
                unit.platform().devices().invalidate(requester, -1, 0, 0);
            }
        }
        return chip;
    }

    private static String replay(
            Translator translator, CoreContainer container, Session session, Completion completion) {
        // Bindings that were lost once stay lost: the devices of such a container must not translate by half of them.
        boolean blocked = session == null || session.isStale();
        expect(translator.openDomain(container.id(), completion.begin()), completion);
        for (Map.Entry<Integer, CoreContainer.Attachment> device :
                container.attachments().entrySet()) {
            int code = translator.attach(
                    container.id(),
                    device.getKey(),
                    blocked ? BLOCKED : device.getValue().table(),
                    device.getValue().levels(),
                    completion.begin());
            if (CoreContainer.settle(code, completion) != 0) {
                return completion.toString();
            }
        }
        if (blocked || session.refuses()) {
            return "";
        }
        BindRequest request = new BindRequest();
        for (BindLog.Entry binding : container.binds().entries()) {
            int code = translator.bind(container.id(), binding.into(request), completion.begin());
            if (CoreContainer.settle(code, completion) != 0) {
                return completion.toString();
            }
        }
        if (container.attachments().isEmpty()) {
            return "";
        }
        InvalidateRequest everything =
                new InvalidateRequest().set(0, 0, 0, 0, 0, translator.subVersion(), new byte[0], 0, 0);
        int code = translator.invalidate(container.id(), everything, completion.begin());
        if (CoreContainer.settle(code, completion) == 0) {
            CoreContainer.settle(translator.finish(completion), completion);
        }
        return completion.errno() == Errno.OK ? "" : completion.toString();
    }

    /** Empties a domain whose bindings could not be brought back; its devices stay in it, and blocked. */
    private static void block(Translator translator, CoreContainer container, Completion completion) {
        expect(translator.closeDomain(container.id(), completion.begin()), completion);
        expect(translator.openDomain(container.id(), completion.begin()), completion);
        for (int requester : container.attachments().keySet()) {
            expect(translator.attach(container.id(), requester, BLOCKED, 0, completion.begin()), completion);
        }
    }

    private static void expect(int code, Completion completion) {
        if (CoreContainer.settle(code, completion) != 0) {
            throw new BackendException(completion.errno(), completion.toString());
        }
    }

    /** Domains that their clients closed while nobody could close them in the chip. */
    private static void endClosedContainers(UnitPassage passage) {
        for (CoreContainer container : passage.unit.allContainers()) {
            if (container.isClosing()) {
                if (passage.rebuiltBecause.isEmpty()) {
                    Completion completion = new Completion().begin();
                    expect(passage.after.translator().closeDomain(container.id(), completion), completion);
                }
                passage.ended.add(container);
            }
        }
    }

    private CoreGuest.Seat seatFor(GuestPassage passage, BackendEntry target, boolean orRebuild) {
        SavedUnit saved = passage.saved;
        if (saved == null || saved.isLost()) {
            // A guest cannot be asked to do again what it did: it must learn that its IOMMU is gone.
            return new CoreGuest.Seat(target, null, saved == null ? "it has no state" : saved.lostBecause());
        }
        try {
            GuestDecoder decoder = taken(
                    saved.hardware(),
                    target,
                    state -> target.facts().backend().restoreGuestDecoder(state, passage.unit.guestPlatform()));
            if (decoder == null) {
                throw new IllegalStateException(target + " made no virtual IOMMU");
            }
            return new CoreGuest.Seat(target, decoder, "");
        } catch (BackendException e) {
            if (!orRebuild) {
                throw e;
            }
            return new CoreGuest.Seat(
                    target, null, "state of " + saved.by() + " refused: " + Reasons.of(e) + refusedState);
        }
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

    /** Opens all units on what was made for them. */
    void commit() {
        for (UnitPassage passage : units) {
            CoreUnit unit = passage.unit;
            if (passage.after == null || unit.gate().isClosed()) {
                continue;
            }
            if (passage.counters != null) {
                unit.carry(passage.counters);
            }
            for (CoreContainer container : unit.allContainers()) {
                String trouble = passage.broken.get(container);
                if (passage.ended.contains(container)) {
                    container.closed(true);
                } else if (trouble != null) {
                    container.become(Session.stale(container.agreement(), trouble));
                } else if (passage.sessions.containsKey(container)) {
                    container.become(passage.sessions.get(container));
                }
            }
            unit.keep(null);
            unit.countChip();
            boolean abandoned = unit.slotIsAbandoned();
            unit.abandonSlot(false);
            unit.gate().release(passage.after, abandoned);
        }
        for (GuestPassage passage : guests) {
            if (passage.after != null) {
                passage.guest.keep(null);
                boolean abandoned = passage.guest.slotIsAbandoned();
                passage.guest.abandonSlot(false);
                passage.guest.gate().release(passage.after, abandoned);
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
        for (UnitPassage passage : units) {
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
            passage.guest.keep(passage.saved != null ? passage.saved : SavedUnit.lost(by, "state not saved in time"));
            passage.guest.gate().absent();
        }
    }

    /** Why units had to start from reset, and what that cost; empty if none had to. */
    String rebuiltBecause() {
        List<String> reasons = new ArrayList<>();
        for (UnitPassage passage : units) {
            if (!passage.rebuiltBecause.isEmpty()) {
                reasons.add(passage.unit
                        + (passage.unit.bare() ? " starts from reset: " : " was rebuilt: ")
                        + passage.rebuiltBecause);
            }
        }
        return String.join("; ", reasons);
    }

    /** Containers whose bindings could not be brought back, with the reason. */
    List<String> broken() {
        List<String> lines = new ArrayList<>();
        for (UnitPassage passage : units) {
            passage.broken.forEach((container, why) -> lines.add(container + ": " + why));
        }
        return lines;
    }

    /** The containers that go on. */
    List<String> surviving() {
        List<String> lines = new ArrayList<>();
        for (UnitPassage passage : units) {
            passage.sessions.forEach((container, session) -> {
                if (!session.refuses() && !passage.broken.containsKey(container) && !container.isClosing()) {
                    lines.add(container + ": " + session.agreement().kind());
                }
            });
        }
        lines.sort(null);
        return lines;
    }
}
