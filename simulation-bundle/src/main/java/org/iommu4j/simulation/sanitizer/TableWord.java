package org.iommu4j.simulation.sanitizer;

import org.iommu4j.backend.Finding;

/** A 64-bit word of a table that a chip has read, and its last changes. */
final class TableWord {
    private static final int EDITS = 4;

    final long pa;
    private long value;

    /** Bits that the chip itself changes, as accessed and dirty: they say nothing about a translation. */
    private long ownedByChip;

    private final Finding.Edit[] edits = new Finding.Edit[EDITS];
    private int edited;

    TableWord(long pa, long value) {
        this.pa = pa;
        this.value = value;
    }

    long value() {
        return value;
    }

    /** Software changes it; false if it stays what it is. */
    boolean edit(long at, long after) {
        if (after == value) {
            return false;
        }
        edits[edited++ % EDITS] = new Finding.Edit(at, pa, value, after);
        value = after;
        return true;
    }

    /** The chip changes it. */
    void update(long after) {
        ownedByChip |= after ^ value;
        value = after;
    }

    /** True if it no longer says what it said. */
    boolean differs(long from) {
        return ((value ^ from) & ~ownedByChip) != 0;
    }

    /** The first change after a time that is still known, or null. */
    Finding.Edit editAfter(long time) {
        for (int i = Math.max(0, edited - EDITS); i < edited; i++) {
            if (edits[i % EDITS].at() > time) {
                return edits[i % EDITS];
            }
        }
        return null;
    }

    /** The last change, or null. */
    Finding.Edit lastEdit() {
        return edited == 0 ? null : edits[(edited - 1) % EDITS];
    }

    /** True if it was cleared after that time and is in use again. */
    boolean reusedSince(long time) {
        boolean cleared = false;
        for (int i = Math.max(0, edited - EDITS); i < edited; i++) {
            Finding.Edit edit = edits[i % EDITS];
            cleared |= edit.at() > time && edit.before() != 0 && edit.after() == 0;
        }
        return cleared && value != 0;
    }
}
