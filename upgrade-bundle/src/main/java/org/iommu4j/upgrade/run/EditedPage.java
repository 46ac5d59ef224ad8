package org.iommu4j.upgrade.run;

import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.core.hint.ExplainHints;
import org.iommu4j.core.service.Container;

/**
 * One page of a guest whose mapping is edited again and again. Every edit has a number, and the page goes where the number
 * says: so an access shows which edit it saw. Edited by one thread, looked at by all.
 */
final class EditedPage {
    /** Edits that can be told apart. */
    static final int EDITS = 1 << 12;

    private static final long ADDRESS = 0x000f_ffff_ffff_f000L;
    private static final int PAGE_SHIFT = 12;

    /** Targets of edited pages: above the memory of captured guests, below the smallest host address width. */
    private static final long TARGETS = 0x1_0000_0000L;

    final Container container;
    final int requester;
    final long iova;
    private final PhysicalMemory memory;
    private final boolean bigEndian;
    private final String what;
    private final long leaf;
    private final long attributes;
    private final long targets;
    private final AtomicLong edited = new AtomicLong();
    private final AtomicLong completed = new AtomicLong();

    /**
     * A page.
     *
     * @param slot its number, which gives it targets of its own
     * @param what name of its table entry
     * @param leaf where its table entry is
     * @param word what its table entry is
     */
    EditedPage(
            int slot,
            Container container,
            int requester,
            long iova,
            PhysicalMemory memory,
            boolean bigEndian,
            String what,
            long leaf,
            long word) {
        this.container = container;
        this.requester = requester;
        this.iova = iova;
        this.memory = memory;
        this.bigEndian = bigEndian;
        this.what = what;
        this.leaf = leaf;
        attributes = word & ~ADDRESS;
        targets = TARGETS + (((long) slot * EDITS) << PAGE_SHIFT);
    }

    /** True if a table entry holds nothing but that page's address and attributes, so that it can be edited. */
    static boolean isLeaf(long word, long pa) {
        return (word & ADDRESS) == pa;
    }

    /** Makes the next edit. */
    void edit() {
        // Announced first: an access that sees the new word must find it announced.
        long number = edited.get() + 1;
        edited.set(number);
        long word = attributes | (targets + ((number % EDITS) << PAGE_SHIFT));
        if (bigEndian) {
            memory.writeLongBe(leaf, word);
        } else {
            memory.writeLongLe(leaf, word);
        }
    }

    /** The command lines that decode its table entry as it is now. */
    List<String> explain(ExplainHints hints) {
        long word = bigEndian ? memory.readLongBe(leaf) : memory.readLongLe(leaf);
        return ExplainHints.list(hints.entry(what, leaf, word, memory));
    }

    /** The invalidation of the last edit is complete: from now on nothing older is legal. */
    void complete() {
        completed.set(edited.get());
    }

    /** Number of the last edit. */
    long edited() {
        return edited.get();
    }

    /** Number of the last edit whose invalidation is complete. */
    long completed() {
        return completed.get();
    }

    /** True if an access went where one of these edits says. */
    boolean shows(long spa, long oldest, long newest) {
        long number = (spa - targets) >> PAGE_SHIFT;
        if (number < 0 || number >= EDITS) {
            return false;
        }
        // The one legal edit that has this number modulo EDITS, if any.
        long ahead = Math.floorMod(number - oldest, (long) EDITS);
        return oldest + ahead <= newest;
    }
}
