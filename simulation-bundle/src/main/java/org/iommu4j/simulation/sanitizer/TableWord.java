package org.iommu4j.simulation.sanitizer;

import org.iommu4j.backend.Finding;

/** A 64-bit word of a table that a chip has read, little endian, and its last changes. */
final class TableWord {
    private static final int KEPT = 4;

    final long pa;
    private long value;

    /** Bits that the chip itself changes, as accessed and dirty: they are no part of a translation. */
    private long ownedByChip;

    private final Change[] changes = new Change[KEPT];
    private int changed;

    /** A write of software. */
    record Change(long at, long before, long after, Finding.Place place) {}

    /** Looks at a change. */
    @FunctionalInterface
    interface Test {
        boolean holds(Change change);
    }

    TableWord(long pa, long value) {
        this.pa = pa;
        this.value = value;
    }

    long value() {
        return value;
    }

    /** A write of software; false if the word does not change. */
    boolean edit(long at, long after, Finding.Place place) {
        if (after == value) {
            return false;
        }
        changes[changed++ % KEPT] = new Change(at, value, after, place);
        value = after;
        return true;
    }

    /** A write of the chip. */
    void update(long after) {
        ownedByChip |= after ^ value;
        value = after;
    }

    /** A value without the bits that the chip itself writes. */
    long bySoftware(long word) {
        return word & ~ownedByChip;
    }

    /** The first change after a time that is still known and for which something holds; or null. */
    Change firstAfter(long time, Test test) {
        for (int i = Math.max(0, changed - KEPT); i < changed; i++) {
            Change change = changes[i % KEPT];
            if (change.at() > time && test.holds(change)) {
                return change;
            }
        }
        return null;
    }

    /** The last change, or null. */
    Change last() {
        return changed == 0 ? null : changes[(changed - 1) % KEPT];
    }
}
