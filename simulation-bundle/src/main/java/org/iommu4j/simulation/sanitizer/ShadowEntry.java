package org.iommu4j.simulation.sanitizer;

import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.Finding;

/** An entry that a chip of this architecture may hold. */
final class ShadowEntry {
    final CachedKind kind;
    final long tag;
    final int pasid;
    final long first;
    final long lengthBytes;
    final long target;

    /** The table at which its walk began. */
    final long origin;

    /** The entry that named that table, or null. */
    final ShadowEntry parent;

    final WalkPath path;
    final long at;
    final int requester;
    final Finding.Place place;

    /** An entry for the same page that is not the same, and was not dropped; or null. */
    ShadowEntry older;

    /** The command that drops it; its completion may be outstanding. */
    Invalidation dropper;

    /** An entry that had to be gone and by which this one was read, so that it is no better; or null. */
    ShadowEntry readBy;

    /** True once the completion of {@link #dropper} has been seen. */
    boolean gone;

    /** The first use that is legal only if a completed invalidation follows, or null. */
    Suspicion suspicion;

    /** True once the entry was reported, so that it is reported once. */
    boolean reported;

    /** A use of the translation from before an edit. */
    record Suspicion(
            Finding.Edit edit, long at, Finding.Place place, int requester, int pasid, long iova, boolean used) {}

    ShadowEntry(
            CachedKind kind,
            long tag,
            int pasid,
            long first,
            long lengthBytes,
            long target,
            long origin,
            ShadowEntry parent,
            WalkPath path,
            long at,
            int requester,
            Finding.Place place) {
        this.kind = kind;
        this.tag = tag;
        this.pasid = pasid;
        this.first = first;
        this.lengthBytes = lengthBytes;
        this.target = target;
        this.origin = origin;
        this.parent = parent;
        this.path = path;
        this.at = at;
        this.requester = requester;
        this.place = place;
    }

    /** True if the tables no longer hold the entry's translation. */
    boolean isStale() {
        return path.firstDifference() != null || (parent != null && parent.path.firstDifference() != null);
    }

    /** The edit after which it was wrong, or null if it is right, or if none of its words was changed. */
    Finding.Edit edit() {
        Reading changed = path.firstDifference();
        return changed == null ? null : changed.edit();
    }

    /** The edit of the entry through which its tables were found, or null. */
    Finding.Edit editOfParent() {
        return parent == null ? null : parent.edit();
    }

    /** True if the first of its entries that changed was made to lead nowhere, and then used for something else. */
    boolean isReused() {
        Reading changed = path.firstDifference();
        return changed != null && changed.isReused();
    }

    /** The last edit of one of its words, or null. */
    Finding.Edit lastEdit() {
        Finding.Edit last = null;
        for (Reading reading : path.readings()) {
            Finding.Edit edit = reading.lastEdit();
            if (edit != null && (last == null || edit.at() > last.at())) {
                last = edit;
            }
        }
        return last;
    }

    /** The last address that the entry translates. */
    long last() {
        return first + lengthBytes - 1;
    }

    /** True if it leads to an address. */
    boolean leadsTo(long address) {
        return Long.compareUnsigned(address - target, lengthBytes) < 0;
    }

    Finding.Fill describe() {
        return new Finding.Fill(at, kind, tag, pasid, first, lengthBytes, target, requester, place);
    }
}
