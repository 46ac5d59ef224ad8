package org.iommu4j.arm.hardware;

import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.command.SmmuCommand;

/** The addresses of a TLB invalidation, IHI 0070 4.4.1.1: one, or a range of granules. Reused by its owner. */
final class InvalidationRange {
    /** TTL of a level that 16 KiB granules have only with IDR5.DS; without it any level is meant. */
    private static final int FIRST_LEVEL = 1;

    private final boolean hasLevel1Of16K;
    private Granule granule;
    private long first;
    private long last;
    private int level;
    private boolean leafOnly;

    InvalidationRange(boolean hasLevel1Of16K) {
        this.hasLevel1Of16K = hasLevel1Of16K;
    }

    /** Takes the range of a command that is legal. */
    InvalidationRange of(SmmuCommand command, long word0, long word1) {
        leafOnly = CommandFields.LEAF.isSet(word1);
        first = command == SmmuCommand.TLBI_S2_IPA ? CommandFields.ipa(word1) : CommandFields.ADDRESS.get(word1);
        last = first;
        level = 0;
        granule = Granule.ofRange(CommandFields.TG.getInt(word1));
        if (granule != null) {
            int named = CommandFields.TTL.getInt(word1);
            level = granule == Granule.K16 && named == FIRST_LEVEL && !hasLevel1Of16K ? 0 : named;
            first = CommandFields.firstOfRange(granule, first);
            last = CommandFields.lastOfRange(granule, first, word0);
        }
        return this;
    }

    /** Granule of a range; null for one address, of any granule. */
    Granule granule() {
        return granule;
    }

    /** First address. */
    long first() {
        return first;
    }

    /** Last address. */
    long last() {
        return last;
    }

    /** Level of the leaves; 0 for any. */
    int level() {
        return level;
    }

    /** True if tables stay. */
    boolean leafOnly() {
        return leafOnly;
    }

    /** Drops the range from a TLB. */
    void drop(Tlb tlb, int tag, int asid, boolean anyAsid, int ofLevel) {
        if (granule != null) {
            tlb.invalidateRange(granule, tag, asid, anyAsid, first, last, leafOnly, ofLevel);
        } else if (anyAsid) {
            tlb.invalidatePageAnyAsid(tag, first, leafOnly);
        } else {
            tlb.invalidatePage(tag, asid, first, leafOnly);
        }
    }
}
