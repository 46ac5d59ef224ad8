package org.iommu4j.core.swap;

import java.util.List;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Errno;
import org.iommu4j.core.backends.BackendEntry;
import org.iommu4j.core.containers.CoreUnit;
import org.iommu4j.core.containers.SavedUnit;
import org.iommu4j.core.foreign.VendorFailure;
import org.iommu4j.core.foreign.VendorThread;
import org.iommu4j.core.gate.Gate;
import org.iommu4j.core.service.SwapLimits;

/**
 * One unit gets another chip of the backend that serves: from reset, or with a state that was saved before. It is a handover
 * from a backend to itself, in the same steps. Under the registry's lock.
 */
final class UnitExchange {
    private static final String RESET = "it was reset";

    private final CoreUnit unit;
    private final BackendEntry serving;
    private final Handover handover;

    /**
     * An exchange that has not begun.
     *
     * @throws BackendException {@code ENODEV} if nobody serves, {@code EBUSY} if virtual IOMMUs stand before the unit
     */
    UnitExchange(CoreUnit unit, BackendEntry serving) {
        if (serving == null) {
            throw new BackendException(Errno.ENODEV, "no backend serves " + unit);
        }
        if (!unit.guests().isEmpty()) {
            throw new BackendException(Errno.EBUSY, "virtual IOMMUs stand before " + unit);
        }
        this.unit = unit;
        this.serving = serving;
        handover = new Handover(List.of(unit));
    }

    /** The state of the chip, which goes on. */
    Snapshot save() {
        expectBare();
        if (unit.gated().lease().hasPages()) {
            throw new BackendException(
                    Errno.EOPNOTSUPP,
                    "the chip of " + unit + " keeps tables in pages of the host, which are not in its state");
        }
        try (VendorThread thread = new VendorThread("iommu4j-save")) {
            hold();
            thread.call("saving by " + serving, SwapLimits.DEFAULT.handoverNanos(), () -> {
                handover.save(false);
                return null;
            });
            return handover.savedHardware();
        } catch (VendorFailure e) {
            throw e.toUsers();
        } finally {
            handover.rollBack();
        }
    }

    /** A chip from reset, with the domains of its containers. */
    void reset(Negotiations negotiations) {
        replace(negotiations, SavedUnit.lost(serving.toString(), RESET), true);
    }

    /** A chip with that state. */
    void restore(Negotiations negotiations, Snapshot state) {
        expectBare();
        if (state.kind() != Snapshot.Kind.HARDWARE || state.model() != unit.model()) {
            throw new BackendException(
                    Errno.EINVAL, "a " + state.model() + " " + state.kind() + " state is none of " + unit);
        }
        replace(negotiations, new SavedUnit(serving.toString(), state, null, ""), false);
    }

    private void expectBare() {
        if (!unit.bare()) {
            throw new BackendException(
                    Errno.EOPNOTSUPP,
                    unit + " has a driver, whose state is of no use without the machine that it is in");
        }
    }

    private void hold() {
        String busy = handover.hold(Gate.deadline(SwapLimits.DEFAULT.drainNanos()), false);
        if (busy != null) {
            throw new BackendException(Errno.ETIMEDOUT, busy);
        }
    }

    private void replace(Negotiations negotiations, SavedUnit state, boolean orRebuild) {
        boolean done = false;
        try (VendorThread thread = new VendorThread("iommu4j-exchange")) {
            hold();
            handover.renew(negotiations, serving);
            Takeover takeover = handover.takeover(serving, orRebuild);
            thread.call("replacing the chip of " + unit, SwapLimits.DEFAULT.handoverNanos(), () -> {
                handover.give(state);
                return takeover.call();
            });
            handover.accept(takeover);
            handover.commit();
            done = true;
        } catch (VendorFailure e) {
            throw e.toUsers();
        } finally {
            if (!done) {
                handover.rollBack();
            }
        }
    }
}
