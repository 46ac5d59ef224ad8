package org.iommu4j.driver.domain;

import java.util.BitSet;
import org.iommu4j.contract.Errno;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The ids that tell cached translations apart (domain ids, VMIDs, ASIDs), and what a chip may still have under them because it
 * failed to drop it. An id under which something old may be cached is in quarantine: it is given out again only after every cache
 * was emptied. So is a device that did not answer when its own TLB was to be emptied: it has to be reached before it gets
 * something new.
 */
public final class TranslationTags {
    private final int first;
    private final int limit;
    private final int devices;
    private final BitSet taken = new BitSet();

    /** Ids under which something old may be cached; taken, too. */
    private final BitSet quarantined = new BitSet();

    /** Devices that did not answer. */
    private final BitSet unanswered = new BitSet();

    /** True if the chip may have kept something old, so that the next change of a binding has to empty its caches. */
    private boolean dirty;

    /**
     * Ids that are all free, of a chip that has nothing cached.
     *
     * @param first lowest id that is given out; those below are the driver's own
     * @param limit one more than the highest id
     * @param devices one more than the highest number of a device
     */
    public TranslationTags(int first, int limit, int devices) {
        this.first = first;
        this.limit = limit;
        this.devices = devices;
        taken.set(0, first);
    }

    /** The lowest free id, which stays free; -1 if all are taken. */
    public int free() {
        int id = taken.nextClearBit(first);
        return id < limit ? id : -1;
    }

    /** Takes an id, which may be taken already. */
    public void take(int id) {
        taken.set(id);
    }

    /** True if an id is taken and no driver's own. */
    public boolean isTaken(int id) {
        return id >= first && taken.get(id);
    }

    /**
     * Gives an id back.
     *
     * @param dropped false if something may still be cached under it
     */
    public void giveBack(int id, boolean dropped) {
        if (dropped) {
            taken.clear(id);
        } else {
            quarantined.set(id);
        }
    }

    /** True if the next change of a binding has to empty every cache. */
    public boolean isDirty() {
        return dirty;
    }

    /** True if a device did not answer the last time. */
    public boolean isUnanswered(int device) {
        return unanswered.get(device);
    }

    /** True if an earlier change could not drop everything that a device may use. */
    public boolean isUnclean(int device) {
        return dirty || unanswered.get(device);
    }

    /**
     * Notes how a change of bindings ended, which dropped everything if it was {@link #isDirty}.
     *
     * @param outcome of all its commands
     * @param reached the devices whose own TLB was to be emptied
     * @return the outcome
     */
    public Errno settle(Errno outcome, int... reached) {
        for (int device : reached) {
            unanswered.set(device, outcome != Errno.OK);
        }
        if (outcome != Errno.OK) {
            dirty = true;
        } else if (dirty) {
            dirty = false;
            taken.andNot(quarantined);
            quarantined.clear();
        }
        return outcome;
    }

    /**
     * Writes long[] ids that are taken, long[] ids in quarantine, long[] devices that did not answer, all as bit sets; boolean the
     * caches are to be emptied.
     */
    public void save(SnapshotWriter out) {
        out.putLongs(taken.toLongArray())
                .putLongs(quarantined.toLongArray())
                .putLongs(unanswered.toLongArray())
                .putBoolean(dirty);
    }

    /**
     * Reads what {@link #save} wrote.
     *
     * @throws org.iommu4j.backend.BackendException {@code EINVAL} for an id or a device beyond the limits
     */
    public void load(SnapshotReader in) {
        load(taken, limit, "id", in);
        load(quarantined, limit, "quarantined id", in);
        load(unanswered, devices, "device", in);
        dirty = in.getBoolean();
    }

    private static void load(BitSet set, int limit, String what, SnapshotReader in) {
        set.or(BitSet.valueOf(in.getLongs()));
        if (set.length() > limit) {
            throw in.invalid(what + " " + (set.length() - 1) + " of " + limit);
        }
    }
}
