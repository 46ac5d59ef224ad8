package org.iommu4j.core.swap;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.iommu4j.backend.HardwareCounters;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Completion;
import org.iommu4j.core.backends.BackendEntry;
import org.iommu4j.core.backends.Chip;
import org.iommu4j.core.backends.ChipMaker;
import org.iommu4j.core.containers.CoreContainer;
import org.iommu4j.core.containers.CoreUnit;
import org.iommu4j.core.containers.SavedUnit;
import org.iommu4j.core.containers.Session;
import org.iommu4j.core.lease.Lease;

/** One unit on its way from one backend to another, with the sessions that its containers get. */
final class UnitPassage {
    private final CoreUnit unit;
    private final Passage<Chip> passage;
    private volatile HardwareCounters counters;
    private Map<CoreContainer, Session> sessions = Map.of();

    UnitPassage(CoreUnit unit) {
        this.unit = unit;
        this.passage = new Passage<>(unit.gated(), unit.toString());
    }

    /** A chip that was made for a unit, and what its making left undone. */
    static final class NewChip {
        private final Lease lease;
        private final Chip chip;
        private final String rebuiltBecause;

        /** Containers whose bindings could not be brought back, with the reason. */
        private final Map<CoreContainer, String> broken = new HashMap<>();

        private final Map<CoreContainer, Completion> ended;

        /**
         * A chip.
         *
         * @param ended containers that their clients have closed, with what the chip answers to their closing. Looked at once:
         *     one that is closed from now on is closed by the next call inside
         * @param rebuiltBecause why the unit starts from reset; empty if it goes on
         */
        NewChip(Map<CoreContainer, Completion> ended, Lease lease, Chip chip, String rebuiltBecause) {
            this.ended = ended;
            this.lease = lease;
            this.chip = chip;
            this.rebuiltBecause = rebuiltBecause;
        }

        Chip chip() {
            return chip;
        }

        /** Containers that their clients have closed, with what the chip answers to their closing. */
        Map<CoreContainer, Completion> ended() {
            return ended;
        }

        /** Containers whose bindings could not be brought back, with the reason. */
        Map<CoreContainer, String> broken() {
            return broken;
        }

        /** Why the unit starts from reset; empty if it goes on. */
        String rebuiltBecause() {
            return rebuiltBecause;
        }

        boolean isRebuilt() {
            return !rebuiltBecause.isEmpty();
        }
    }

    CoreUnit unit() {
        return unit;
    }

    Passage<Chip> passage() {
        return passage;
    }

    /** The session that each container gets with the new backend. */
    Map<CoreContainer, Session> sessions() {
        return sessions;
    }

    /** Chooses the session that each container gets with the new backend. */
    void sessions(Map<CoreContainer, Session> renewed) {
        sessions = renewed;
    }

    /** Saves chip and driver, unless that is done. Calls foreign code. */
    void save(boolean atAnyCost) {
        if (!passage.hasUnsavedState()) {
            return;
        }
        Chip chip = passage.present();
        BackendEntry by = chip.backend();
        passage.save(by, atAnyCost, () -> {
            counters = CoreUnit.countersOf(chip);
            Snapshot hardware = ChipMaker.checked(chip.hardware().save(), Snapshot.Kind.HARDWARE, by);
            Snapshot translator = chip.translator() == null
                    ? null
                    : ChipMaker.checked(chip.translator().save(), Snapshot.Kind.TRANSLATOR, by);
            return new SavedUnit(by.toString(), hardware, translator, "");
        });
    }

    /** Goes on from another state than the chip's own, whose counters are kept. Calls foreign code. */
    void give(SavedUnit state) {
        counters = CoreUnit.countersOf(passage.present());
        passage.give(state);
    }

    /** A chip whose call was left behind is not used again: the call is interrupted. */
    void giveUpChip() {
        if (passage.isLeftBehind()) {
            passage.present().giveUp(passage.leftBehind());
        }
    }

    /** Opens the unit on a new chip; what it had before is over for whoever is still in it. */
    void commit(NewChip made) {
        if (unit.gate().isClosed()) {
            made.lease.end();
            return;
        }
        if (counters != null) {
            unit.carry(counters);
        }
        for (CoreContainer container : unit.allContainers()) {
            String trouble = made.broken.get(container);
            if (made.ended.containsKey(container)) {
                container.end(made.ended.get(container));
            } else if (trouble != null) {
                container.become(Session.stale(container.agreement(), trouble));
            } else if (sessions.containsKey(container)) {
                container.become(sessions.get(container));
            }
        }
        if (made.isRebuilt()) {
            unit.gated().lease().endAndFree();
        } else {
            unit.gated().lease().end();
            made.lease.takeOver();
        }
        unit.countChip();
        unit.plugged(made.lease, made.isRebuilt());
        passage.open(made.chip, made.lease);
    }

    /** The unit has no chip until another backend serves; nothing of the old backend is held any more. */
    void leaveAbsent(String by) {
        passage.leave(by);
        if (counters != null) {
            unit.carry(counters);
        }
        for (CoreContainer container : unit.allContainers()) {
            container.forgetBackend();
        }
        passage.absent();
    }

    /** Adds the containers that go on to a report, a line each. */
    void addSurviving(Map<CoreContainer, String> broken, List<String> lines) {
        sessions.forEach((container, session) -> {
            if (!session.refuses() && !broken.containsKey(container) && !container.isClosing()) {
                lines.add(container + ": " + session.agreement().kind());
            }
        });
    }
}
