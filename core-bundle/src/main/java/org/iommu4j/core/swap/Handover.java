package org.iommu4j.core.swap;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.core.backends.BackendEntry;
import org.iommu4j.core.containers.CoreContainer;
import org.iommu4j.core.containers.CoreGuest;
import org.iommu4j.core.containers.CoreUnit;
import org.iommu4j.core.containers.SavedUnit;
import org.iommu4j.core.containers.Session;
import org.iommu4j.core.gate.Gate;
import org.iommu4j.core.swap.GuestPassage.NewGuest;
import org.iommu4j.core.swap.UnitPassage.NewChip;

/**
 * The handover of all units of a model, and of their virtual IOMMUs, from one backend to another, to none, or from none.
 * The steps, in order: {@link #hold}, {@link #save}, {@link #renew}, a {@link #takeover} by the new backend that is
 * {@linkplain #accept accepted}, and then exactly one of {@link #commit}, {@link #rollBack} and {@link #leaveAbsent}. Until
 * {@link #commit} nothing of a unit has changed but that its calls wait.
 *
 * <p>{@link #save} and takeovers call foreign code, and run in a thread that may be given up.
 */
final class Handover {
    /** Time in nanoseconds between two looks whether the call inside a virtual IOMMU has come to its unit. */
    private static final long NUDGE_NANOS = 1_000_000;

    private final List<UnitPassage> units = new ArrayList<>();
    private final List<GuestPassage> guests = new ArrayList<>();
    private final List<Takeover> takeovers = new ArrayList<>();

    /** The takeover that goes into service; null until there is one. */
    private Takeover accepted;

    /** Prepares the handover of these units; nothing is held yet. */
    Handover(List<CoreUnit> moving) {
        for (CoreUnit unit : moving) {
            units.add(new UnitPassage(unit));
            for (CoreGuest guest : unit.guests()) {
                guests.add(new GuestPassage(unit, guest));
            }
        }
    }

    /** Prepares the handover of one virtual IOMMU; its unit stays as it is. */
    Handover(CoreUnit unit, CoreGuest guest) {
        guests.add(new GuestPassage(unit, guest));
    }

    /** Number of units. */
    int size() {
        return units.size();
    }

    /**
     * Makes calls wait and waits for those that are inside. Virtual IOMMUs come first: a call inside one may need a unit.
     *
     * <p>A call inside a virtual IOMMU that stands before its unit is not waited for, and the virtual IOMMU is left as it is: its
     * request goes on in the new backend. But if the backend goes at any cost, the code of its virtual IOMMUs goes as well: then a
     * call that has not come out in half the time ends its request unfinished.
     *
     * @param deadline as {@link System#nanoTime} counts
     * @param atAnyCost true if calls that do not come out are left behind, with the state of their unit
     * @return who is still busy; null if all is quiet, left as it is or left behind
     */
    String hold(long deadline, boolean atAnyCost) {
        guests.forEach(guest -> guest.passage().hold());
        if (atAnyCost) {
            long left = Math.max(0, deadline - System.nanoTime());
            guests.forEach(guest -> guest.recall(deadline - left / 2));
            guests.forEach(guest -> guest.passage().drain(deadline, true));
            return holdUnits(deadline, true);
        }
        for (GuestPassage guest : guests) {
            while (!guest.settles(Gate.deadline(NUDGE_NANOS))) {
                if (System.nanoTime() - deadline >= 0) {
                    return guest.passage().busy();
                }
                guest.unit().nudge();
            }
        }
        String busy = holdUnits(deadline, false);
        guests.forEach(guest -> guest.passage().decide());
        return busy;
    }

    /** The same for units alone, for a change that virtual IOMMUs do not notice. */
    String holdUnits(long deadline, boolean atAnyCost) {
        units.forEach(unit -> unit.passage().hold());
        return drainUnits(deadline, atAnyCost);
    }

    private String drainUnits(long deadline, boolean atAnyCost) {
        for (UnitPassage unit : units) {
            String busy = unit.passage().drain(deadline, atAnyCost);
            if (busy != null) {
                return busy;
            }
        }
        return null;
    }

    /** The virtual IOMMUs that this handover is the first to leave as they are, until the call inside has come out. */
    List<GuestPassage> laggards() {
        return guests.stream().filter(guest -> guest.passage().beginsToLag()).toList();
    }

    /** Chips and virtual IOMMUs with a call inside that did not come out will not be used again: the call is interrupted. */
    void leaveBehind() {
        units.forEach(UnitPassage::giveUpChip);
        guests.forEach(GuestPassage::interruptCall);
    }

    /**
     * Saves everything that is quiet. Calls foreign code.
     *
     * @param atAnyCost true if a state that cannot be saved counts as lost instead of stopping the handover
     */
    void save(boolean atAnyCost) {
        units.forEach(unit -> unit.save(atAnyCost));
        guests.forEach(guest -> guest.save(atAnyCost));
    }

    /** The saved state of the chip of the one unit. */
    Snapshot savedHardware() {
        return units.get(0).passage().saved().hardware();
    }

    /** Puts a state in the place of what the one unit would save. Calls foreign code. */
    void give(SavedUnit state) {
        units.get(0).give(state);
    }

    /**
     * Negotiates for every container with the backend that is to serve. After {@link #hold}, so that no container can
     * open meanwhile.
     *
     * @return containers that cannot go on, with the reason
     */
    List<String> renew(Negotiations negotiations, BackendEntry target) {
        List<String> lost = new ArrayList<>();
        for (UnitPassage unit : units) {
            Map<CoreContainer, Session> sessions = new HashMap<>();
            for (CoreContainer container : unit.unit().allContainers()) {
                Session session = negotiations.renewed(unit.unit(), container, target);
                sessions.put(container, session);
                if (session.refuses() && !container.isClosing()) {
                    lost.add(container + ": " + session.agreement().reason());
                }
            }
            unit.sessions(sessions);
        }
        return lost;
    }

    /**
     * A new attempt to make everything anew from what was saved. It is foreign code.
     *
     * @param orRebuild true if a unit whose state is lost, or refused, starts from reset and gets its devices and bindings
     *     again; false if that stops the attempt
     */
    Takeover takeover(BackendEntry target, boolean orRebuild) {
        Takeover takeover = new Takeover(units, guests, target, orRebuild);
        takeovers.add(takeover);
        return takeover;
    }

    /** Chooses the takeover that goes into service with {@link #commit}. */
    void accept(Takeover takeover) {
        accepted = takeover;
    }

    /**
     * Gives up the saved states at which a reader broke or hung, so that the next takeover starts from reset.
     *
     * @return false if there were none, so that another takeover would do the same again
     */
    boolean giveUpStates(String because) {
        boolean any = false;
        for (UnitPassage unit : units) {
            any |= unit.passage().giveUpState(because);
        }
        for (GuestPassage guest : guests) {
            any |= guest.passage().giveUpState(because);
        }
        return any;
    }

    private void discardAllBut(Takeover kept) {
        for (Takeover takeover : takeovers) {
            if (takeover != kept) {
                takeover.discard();
            }
        }
    }

    /** Opens all units on what was made for them; what they had before is over for whoever is still in it. */
    void commit() {
        discardAllBut(accepted);
        for (UnitPassage unit : units) {
            NewChip made = accepted.chip(unit);
            if (made != null) {
                unit.commit(made);
            }
        }
        for (GuestPassage guest : guests) {
            NewGuest made = accepted.guest(guest);
            if (guest.passage().isLagging()) {
                guest.passage().lag();
            } else if (made != null) {
                guest.commit(made);
            }
        }
    }

    /** Opens all units on what they had, with other sessions. */
    void commitSessions() {
        for (UnitPassage unit : units) {
            unit.sessions().forEach(CoreContainer::become);
        }
        rollBack();
    }

    /** Opens everything that was held on what it had; what had nothing goes on waiting. */
    void rollBack() {
        discardAllBut(null);
        units.forEach(unit -> unit.passage().rollBack());
        guests.forEach(GuestPassage::rollBack);
    }

    /** Opens the virtual IOMMU on what it had, in front of another backend's unit: it could not follow. */
    void stay() {
        discardAllBut(null);
        guests.forEach(guest -> guest.passage().stay());
    }

    /** Everything goes on waiting, for whoever comes; nothing of the old backend is held any more. */
    void leaveAbsent(String by) {
        discardAllBut(null);
        units.forEach(unit -> unit.leaveAbsent(by));
        guests.forEach(guest -> guest.leaveAbsent(by));
    }

    /** Why units had to start from reset, and what that cost; empty if none had to. */
    String rebuiltBecause() {
        List<String> reasons = new ArrayList<>();
        for (UnitPassage unit : units) {
            NewChip made = madeFor(unit);
            if (made != null && made.isRebuilt()) {
                reasons.add(unit.unit()
                        + (unit.unit().bare() ? " starts from reset: " : " was rebuilt: ")
                        + made.rebuiltBecause());
            }
        }
        return String.join("; ", reasons);
    }

    /** Containers whose bindings could not be brought back, with the reason. */
    List<String> broken() {
        List<String> lines = new ArrayList<>();
        for (UnitPassage unit : units) {
            brokenOf(unit).forEach((container, why) -> lines.add(container + ": " + why));
        }
        return lines;
    }

    private NewChip madeFor(UnitPassage unit) {
        return accepted == null ? null : accepted.chip(unit);
    }

    private Map<CoreContainer, String> brokenOf(UnitPassage unit) {
        NewChip made = madeFor(unit);
        return made == null ? Map.of() : made.broken();
    }

    /** The containers that go on. */
    List<String> surviving() {
        List<String> lines = new ArrayList<>();
        for (UnitPassage unit : units) {
            unit.addSurviving(brokenOf(unit), lines);
        }
        lines.sort(null);
        return lines;
    }
}
