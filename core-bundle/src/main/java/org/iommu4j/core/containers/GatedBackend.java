package org.iommu4j.core.containers;

import org.iommu4j.core.gate.Gate;
import org.iommu4j.core.gate.Route;
import org.iommu4j.core.lease.Lease;

/**
 * A backend's object for a unit or for a virtual IOMMU, behind its gate: the lease by which it has the machine, and the state
 * that is kept while no backend serves. A swap exchanges all of this and leaves the unit or the virtual IOMMU as it is.
 *
 * @param <T> what stands behind the gate
 */
public final class GatedBackend<T> {
    private final Gate<T> gate;

    /** The machine as the present backend has it, or the last one had; changed under the registry's lock. */
    private volatile Lease lease;

    /** The state that is kept while no backend serves; guarded by the registry's lock. */
    private SavedUnit saved;

    /** As {@link #lagging}; changed under the registry's lock. */
    private volatile Route<T> lagging;

    /** True if a call never came out of the gate; touched while the gate is held. */
    private boolean slotAbandoned;

    GatedBackend(T made, Lease lease) {
        this.gate = new Gate<>(made);
        this.lease = lease;
    }

    /** The gate in front of it. */
    public Gate<T> gate() {
        return gate;
    }

    /** The object behind the gate. Null while the gate is held, unless it is held for a call that is not waited for. */
    public T present() {
        Route<T> left = lagging;
        return left == null ? gate.target() : left.target;
    }

    /** The machine as the present backend has it, or the last one had. Under the registry's lock. */
    public Lease lease() {
        return lease;
    }

    /** Another backend has the machine from now on. Under the registry's lock. */
    public void lease(Lease next) {
        lease = next;
    }

    /** The state that is kept while no backend serves; null if one does. Under the registry's lock. */
    public SavedUnit saved() {
        return saved;
    }

    /** Keeps a state until a backend serves, or null once one does. Under the registry's lock. */
    public void keep(SavedUnit state) {
        saved = state;
    }

    /**
     * The route by which a call is inside that the last swap did not wait for: the gate stays held, and the object is handed over
     * when the call has come out. Null if there is none.
     */
    public Route<T> lagging() {
        return lagging;
    }

    /** Notes the route of a call that a swap does not wait for, or null once it is waited for no more. Under the registry's lock. */
    public void lagging(Route<T> route) {
        lagging = route;
    }

    /** True if a call never came out of the gate and keeps the slot of its route. While the gate is held. */
    public boolean slotIsAbandoned() {
        return slotAbandoned;
    }

    /** Notes whether a call never came out. While the gate is held. */
    public void abandonSlot(boolean abandoned) {
        slotAbandoned = abandoned;
    }
}
