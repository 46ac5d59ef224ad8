package org.iommu4j.core.swap;

import org.iommu4j.backend.Snapshot;
import org.iommu4j.core.backends.BackendEntry;
import org.iommu4j.core.backends.ChipMaker;
import org.iommu4j.core.containers.CoreGuest;
import org.iommu4j.core.containers.CoreUnit;
import org.iommu4j.core.containers.GuestBackend;
import org.iommu4j.core.containers.SavedUnit;
import org.iommu4j.core.lease.Lease;

/** One virtual IOMMU on its way from one backend to another. */
final class GuestPassage {
    private final CoreUnit unit;
    private final CoreGuest guest;
    private final Passage<GuestBackend> passage;

    GuestPassage(CoreUnit unit, CoreGuest guest) {
        this.unit = unit;
        this.guest = guest;
        this.passage = new Passage<>(guest.gated(), "a virtual IOMMU of " + unit);
    }

    /**
     * A virtual IOMMU that was made anew.
     *
     * @param lease by which its backend has the machine; null if its state is lost
     */
    record NewGuest(Lease lease, GuestBackend made) {}

    CoreUnit unit() {
        return unit;
    }

    CoreGuest guest() {
        return guest;
    }

    Passage<GuestBackend> passage() {
        return passage;
    }

    /** Waits for the call that is inside, unless its unit may be exchanged meanwhile; false if neither is so at the deadline. */
    boolean settles(long deadline) {
        return passage.settles(deadline, guest::isAway);
    }

    /** Waits for the call that is inside; at the deadline it is told to end, unfinished if need be. */
    void recall(long deadline) {
        if (!passage.settles(deadline, () -> false)) {
            guest.recall(true);
        }
    }

    /** Saves the virtual IOMMU, unless that is done. Calls foreign code. */
    void save(boolean atAnyCost) {
        if (!passage.hasUnsavedState()) {
            return;
        }
        GuestBackend present = passage.present();
        BackendEntry by = present.backend();
        passage.save(
                by,
                atAnyCost,
                () -> present.decoder() == null
                        ? SavedUnit.lost(by.toString(), present.lostBecause())
                        : new SavedUnit(
                                by.toString(),
                                ChipMaker.checked(present.decoder().save(), Snapshot.Kind.GUEST, by),
                                null,
                                ""));
    }

    /** A call that was left behind is interrupted. */
    void interruptCall() {
        Thread insider = passage.leftBehind();
        if (insider != null) {
            insider.interrupt();
        }
    }

    /** Opens the virtual IOMMU on what a backend made. */
    void commit(NewGuest next) {
        guest.gated().lease().end();
        if (next.lease() != null) {
            // The pages of a lost one stay: chips may still walk the tables in them.
            next.lease().takeOver();
        }
        guest.recall(false);
        passage.open(next.made(), next.lease());
    }

    /** Opens the virtual IOMMU on what it had. */
    void rollBack() {
        guest.recall(false);
        passage.rollBack();
    }

    /** Nothing is there until another backend serves. */
    void leaveAbsent(String by) {
        passage.leave(by);
        passage.absent();
    }
}
