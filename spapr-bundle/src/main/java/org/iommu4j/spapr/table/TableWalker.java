package org.iommu4j.spapr.table;

import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.simulation.memory.PageCursor;
import org.iommu4j.spapr.command.FaultReason;

/**
 * Walks a window's table, docs/spec/spapr-tce.md 3.5 steps 6 and 8. One walk at a time; what it found stands in the
 * accessors. Allocates nothing.
 */
public final class TableWalker {
    /** Nothing wrong. */
    public static final int OK = 0;

    private final PageCursor upper;
    private final PageCursor leaves;
    private long leafAddress;
    private long tce;

    /** A walker of tables in that memory; the hypervisor's own tables may be in another one than those of others. */
    public TableWalker(PhysicalMemory memory) {
        upper = new PageCursor(memory);
        leaves = new PageCursor(memory);
    }

    /**
     * Finds the leaf of an offset in a window.
     *
     * @param offset from the window's base, in bytes, unsigned
     * @param listener sees each entry, or null
     * @return {@link #OK} or a code of {@link FaultReason}; a leaf that allows nothing is found
     */
    public int walk(TceTable table, long offset, WalkListener listener) {
        if (!table.contains(offset)) {
            return FaultReason.TCE_EXTENT_ERROR.code();
        }
        try {
            if (table.levels() == 1) {
                leafAddress = table.leafOf(offset);
            } else if (!descend(table, offset, listener)) {
                return FaultReason.TCE_PAGE_FAULT.code();
            }
            tce = leaves.readLongBe(leafAddress);
        } catch (BusErrorException e) {
            return FaultReason.TCE_ACCESS_ERROR.code();
        }
        if (listener != null) {
            listener.step("TCE", leafAddress, tce);
        }
        return OK;
    }

    /** Finds where the leaf is through the upper levels; false if one of their entries leads nowhere. */
    private boolean descend(TceTable table, long offset, WalkListener listener) {
        long at = table.root();
        for (int level = table.levels() - 1; level > 0; level--) {
            long entryAt = table.entryAt(at, offset, level);
            long entry = upper.readLongBe(entryAt);
            if (listener != null) {
                listener.step("indirect TCE, level " + (level + 1), entryAt, entry);
            }
            if (!Tce.isValid(entry)) {
                return false;
            }
            at = Tce.RPN.get(entry);
        }
        leafAddress = table.entryAt(at, offset, 0);
        return true;
    }

    /** Address of the leaf that the last walk found. */
    public long leafAddress() {
        return leafAddress;
    }

    /** The leaf that the last walk found. */
    public long tce() {
        return tce;
    }
}
