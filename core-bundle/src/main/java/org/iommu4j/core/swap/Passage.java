package org.iommu4j.core.swap;

import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.iommu4j.backend.BackendException;
import org.iommu4j.core.backends.BackendEntry;
import org.iommu4j.core.containers.GatedBackend;
import org.iommu4j.core.containers.SavedUnit;
import org.iommu4j.core.gate.Route;
import org.iommu4j.core.lease.Lease;

/**
 * The common part of a unit's and a virtual IOMMU's way from one backend to another: the gate is held, the state is
 * saved, and the gate opens on what was made of that state, or on what it had.
 *
 * @param <T> what stands behind the gate
 */
final class Passage<T> {
    /** Time in nanoseconds between two looks at a call that is not waited for. */
    private static final long LOOK_NANOS = 500_000;

    private final GatedBackend<T> gated;
    private final String name;
    private boolean held;

    /** True if an earlier handover has held the gate, for a call that it did not wait for. */
    private boolean wasLagging;

    /** True if the call inside is not waited for. */
    private boolean lagging;

    /** The route that was open when the gate was held; null if no backend served. */
    private Route<T> before;

    /** Written in a thread that may be given up: what was saved before a hang is not lost. */
    private volatile SavedUnit saved;

    /**
     * A passage that has not begun.
     *
     * @param name the unit or virtual IOMMU, for messages
     */
    Passage(GatedBackend<T> gated, String name) {
        this.gated = gated;
        this.name = name;
        this.saved = gated.saved();
    }

    /** From now on calls wait. */
    void hold() {
        Route<T> left = gated.lagging();
        wasLagging = left != null && !gated.gate().isClosed();
        before = wasLagging ? left : gated.gate().hold();
        held = true;
    }

    /**
     * Waits for the call that is inside, unless it need not be waited for.
     *
     * @param away tells whether it need not
     * @return false if it is still inside at the deadline
     */
    boolean settles(long deadline, BooleanSupplier away) {
        return before == null || gated.gate().drained(before, deadline, away) || away.getAsBoolean();
    }

    /** Decides whether a call that need not be waited for is left inside: then all of it stays as it is, and follows later. */
    void decide() {
        lagging = before != null && !gated.gate().drained(before, System.nanoTime());
    }

    /** True if a call is left inside that is not waited for. */
    boolean isLagging() {
        return lagging;
    }

    /** True if it is the first handover that does not wait for that call. */
    boolean beginsToLag() {
        return lagging && !wasLagging;
    }

    /** The gate stays held, for a later handover. */
    void lag() {
        gated.lagging(before);
    }

    /**
     * Waits until the call has come out that was not waited for.
     *
     * @return false if somebody else has taken care of it, or nobody need any more
     */
    boolean awaitLaggard() {
        while (!gated.gate().drained(before, System.nanoTime())) {
            if (gated.lagging() != before || gated.gate().isClosed()) {
                return false;
            }
            LockSupport.parkNanos(LOOK_NANOS);
        }
        return true;
    }

    /** Opens the gate on what it had: it does not follow. */
    void stay() {
        if (before != null) {
            gated.lagging(null);
            gated.gate().release(before);
        }
    }

    /**
     * Waits for the call that is inside.
     *
     * @param atAnyCost true if a call that does not come out is left behind, with the state
     * @return why the passage cannot go on; null if it can
     */
    String drain(long deadline, boolean atAnyCost) {
        if (before == null || gated.gate().drained(before, deadline)) {
            return null;
        }
        if (!atAnyCost) {
            return busy();
        }
        gated.abandonSlot(true);
        saved = SavedUnit.lost("", "a call was still inside " + name);
        return null;
    }

    /** Why a handover cannot go on if the call inside does not come out. */
    String busy() {
        return name + " is still busy";
    }

    /** The thread whose call was left behind; null if there is none, or if it has come out meanwhile. */
    Thread leftBehind() {
        return isLeftBehind() ? before.insider() : null;
    }

    /** True if a call was left behind. */
    boolean isLeftBehind() {
        return before != null && gated.slotIsAbandoned();
    }

    /** The object that stood behind the gate when it was held; null if no backend served. */
    T present() {
        return before == null ? null : before.target;
    }

    /** True if there is a state that nobody has saved yet. */
    boolean hasUnsavedState() {
        return before != null && saved == null && !lagging;
    }

    /** The saved state; null if nothing was saved yet. */
    SavedUnit saved() {
        return saved;
    }

    /**
     * Takes what a backend saves of it.
     *
     * @param atAnyCost true if a state that cannot be saved counts as lost, instead of stopping the handover
     */
    void save(BackendEntry by, boolean atAnyCost, Supplier<SavedUnit> saving) {
        try {
            saved = saving.get();
        } catch (BackendException e) {
            if (!atAnyCost) {
                throw e;
            }
            saved = SavedUnit.lost(by.toString(), "state not saved: " + e.getMessage());
        }
    }

    /** Another state takes the place of the one that would be saved. */
    void give(SavedUnit state) {
        saved = state;
    }

    /**
     * Gives up the saved state, so that the next takeover starts from reset.
     *
     * @return false if there was none
     */
    boolean giveUpState(String because) {
        SavedUnit state = saved;
        if (state == null || state.isLost()) {
            return false;
        }
        saved = SavedUnit.lost(state.by(), "state of " + state.by() + " refused: " + because);
        return true;
    }

    /**
     * Opens the gate on what another backend made.
     *
     * @param lease by which that backend has the machine; null if the last lease stays the last one
     */
    void open(T made, Lease lease) {
        if (lease != null) {
            gated.lease(lease);
        }
        gated.keep(null);
        gated.lagging(null);
        boolean abandoned = gated.slotIsAbandoned();
        gated.abandonSlot(false);
        gated.gate().release(made, abandoned);
    }

    /**
     * Opens the gate, if it was held, on what it had; if it had nothing, calls go on waiting. One that lagged before goes on to
     * lag.
     */
    void rollBack() {
        if (held && before != null && !wasLagging) {
            gated.abandonSlot(false);
            gated.gate().release(before);
        } else if (held && before == null) {
            gated.gate().absent();
        }
    }

    /**
     * Ends the lease and keeps what was saved; calls go on waiting until {@link #absent} says that nothing is there.
     *
     * @param by the backend that is gone, for reports
     */
    void leave(String by) {
        gated.lease().end();
        gated.lagging(null);
        gated.keep(saved != null ? saved : SavedUnit.lost(by, "state not saved in time"));
    }

    /** Nothing stands behind the gate; calls wait for whatever backend comes. */
    void absent() {
        gated.gate().absent();
    }
}
