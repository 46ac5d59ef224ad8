package org.iommu4j.simulation.memory;

import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.RevocableMemory;

/**
 * A way into memory for a user that mostly stays in one page, as who fills a command ring does, who empties it, and who
 * walks tables: the page is looked up when the user comes to it, not at each access. What is read, stored and thrown is what the memory
 * itself would read, store and throw.
 *
 * <p>Each user has its own, for one thread at a time.
 */
public final class PageCursor {
    private static final long PAGE_MASK = -SparseMemory.PAGE_BYTES;

    /** Every bit of an address but those that tell the pairs of a page apart: the page's address, if the pair is aligned. */
    private static final long PAIR_MASK = PAGE_MASK | (SparseMemory.PAIR_BYTES - 1);

    /** The page as 64-bit words. */
    private static final long WORD_MASK = PAGE_MASK | (Long.BYTES - 1);

    /** Stands for no page. */
    private static final long NOWHERE = ~PAGE_MASK;

    private static final byte[] NO_BYTES = {};

    private final PhysicalMemory memory;

    /** The memory, if it is one of which pages can become no part; then what is remembered holds until one has. */
    private final GuardedMemory guarded;

    /** The memory, if its pages stay where they are once they were written; null if it wants to be asked each time. */
    private final SparseMemory steady;

    /** True once the memory is no longer there for this user; set by whoever takes it away. */
    private volatile boolean over;

    /** How often the memory had changed when the page was remembered. */
    private int changes;

    private long page = NOWHERE;
    private byte[] slab = NO_BYTES;
    private int start;

    /** A cursor without a page. */
    public PageCursor(PhysicalMemory memory) {
        this.memory = memory;
        RevocableMemory view = memory instanceof RevocableMemory revocable ? revocable : null;
        PhysicalMemory whole = view == null ? memory : view.whole();
        guarded = whole instanceof GuardedMemory part ? part : null;
        steady = (guarded == null ? whole : guarded.all()) instanceof SparseMemory sparse ? sparse : null;
        if (view != null) {
            view.onEnd(this::forget);
        }
    }

    /** The memory is no longer there for this user: from now on it is asked each time, and says so. */
    private void forget() {
        over = true;
        page = NOWHERE;
        slab = NO_BYTES;
    }

    /** True if the page that is remembered is memory as before. */
    private boolean isCurrent() {
        return guarded == null || guarded.changes() == changes;
    }

    /** As {@link PhysicalMemory#readPairLe}. */
    public void readPairLe(long pa, long[] target) {
        if ((pa & PAIR_MASK) == page && isCurrent()) {
            SparseMemory.getPair(slab, start + ((int) pa & SparseMemory.IN_PAGE), target);
        } else {
            memory.readPairLe(pa, target);
            moveTo(pa);
        }
    }

    /** As {@link PhysicalMemory#writePairLe}. */
    public void writePairLe(long pa, long first, long second) {
        if ((pa & PAIR_MASK) == page && isCurrent()) {
            SparseMemory.setPair(slab, start + ((int) pa & SparseMemory.IN_PAGE), first, second);
        } else {
            memory.writePairLe(pa, first, second);
            moveTo(pa);
        }
    }

    /** As {@link PhysicalMemory#readLongLe}. */
    public long readLongLe(long pa) {
        return ((pa & WORD_MASK) == page && isCurrent()) || comesTo(pa)
                ? SparseMemory.getLongLe(slab, start + ((int) pa & SparseMemory.IN_PAGE))
                : memory.readLongLe(pa);
    }

    /** As {@link PhysicalMemory#readLongBe}. */
    public long readLongBe(long pa) {
        return ((pa & WORD_MASK) == page && isCurrent()) || comesTo(pa)
                ? SparseMemory.getLongBe(slab, start + ((int) pa & SparseMemory.IN_PAGE))
                : memory.readLongBe(pa);
    }

    /** As {@link PhysicalMemory#writeLongBe}. */
    public void writeLongBe(long pa, long value) {
        if (((pa & WORD_MASK) == page && isCurrent()) || comesTo(pa)) {
            SparseMemory.setLongBe(slab, start + ((int) pa & SparseMemory.IN_PAGE), value);
        } else {
            memory.writeLongBe(pa, value);
        }
    }

    /** Moves to the page of a word; false if it cannot be remembered, or the word is not aligned. */
    private boolean comesTo(long pa) {
        if ((pa & (Long.BYTES - 1)) == 0) {
            moveTo(pa);
        }
        return (pa & WORD_MASK) == page;
    }

    /** Remembers a page, unless it was never written or is memory only in part: then each access has to be looked at. */
    private void moveTo(long pa) {
        page = NOWHERE;
        int frame = steady == null || over ? 0 : steady.frame(pa >>> SparseMemory.PAGE_SHIFT);
        if (guarded != null) {
            // First how often, then whether: should it change in between, it is asked again the next time.
            changes = guarded.changes();
            frame = guarded.contains(pa & PAGE_MASK, SparseMemory.PAGE_BYTES) ? frame : 0;
        }
        if (frame != 0) {
            page = pa & PAGE_MASK;
            slab = steady.slab(frame);
            start = SparseMemory.offset(frame, 0);
            if (over) {
                // The end came in between.
                forget();
            }
        }
    }
}
