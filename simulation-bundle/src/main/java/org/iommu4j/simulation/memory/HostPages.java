package org.iommu4j.simulation.memory;

import java.util.BitSet;
import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.Errno;

/**
 * The host's share of a memory: pages from the middle of the physical address space upwards, above all guest memory. What
 * was handed out once stays memory, whatever the guest's ranges say; what is given back reads as zero.
 *
 * <p>Any thread may allocate and free.
 */
public final class HostPages {
    private final SparseMemory memory;
    private final long base;
    private final int limit;

    /** Pages in use, counted from the base; guarded by this. */
    private final BitSet used = new BitSet();

    /** Pages that were in use at any time; guarded by this. */
    private int everUsed;

    /**
     * The host's share of a memory.
     *
     * @param memory the memory
     * @param hostAddressWidth host physical address width in bits, 32 to 52
     */
    public HostPages(SparseMemory memory, int hostAddressWidth) {
        if (hostAddressWidth < 32 || hostAddressWidth > SparseMemory.ADDRESS_BITS) {
            throw new IllegalArgumentException("hostAddressWidth=" + hostAddressWidth + " is not in 32..52 bits");
        }
        this.memory = memory;
        base = memory.pageAbove(1L << (hostAddressWidth - 1), 1L << hostAddressWidth);
        long room = (1L << hostAddressWidth) - base;
        limit = (int) (Math.min(room, memory.limitBytes()) >>> SparseMemory.PAGE_SHIFT);
    }

    /** Address of the first page that the host may have. */
    public long base() {
        return base;
    }

    /** Number of pages in use. */
    public synchronized int allocated() {
        return used.cardinality();
    }

    /**
     * Zeroed, contiguous pages.
     *
     * @param pages number of 4096-byte pages, at least 1
     * @return address of the first
     * @throws BackendException {@code ENOMEM} if there are not that many in a row, {@code EINVAL} if {@code pages} is not
     *     positive
     */
    public synchronized long allocate(int pages) {
        if (pages < 1) {
            throw new BackendException(Errno.EINVAL, "pages=" + pages + " is not positive");
        }
        int first = used.nextClearBit(0);
        int next = used.nextSetBit(first);
        while (next >= 0 && next - first < pages) {
            first = used.nextClearBit(next);
            next = used.nextSetBit(first);
        }
        if (pages > limit - first) {
            throw new BackendException(
                    Errno.ENOMEM,
                    pages + " pages in a row do not fit; the host has " + limit + ", " + allocated() + " are used");
        }
        used.set(first, first + pages);
        if (first + pages > everUsed) {
            everUsed = first + pages;
            memory.include(base, (long) everUsed << SparseMemory.PAGE_SHIFT);
        }
        long pa = base + ((long) first << SparseMemory.PAGE_SHIFT);
        // Where memory is everywhere, a guest may have written here before.
        memory.clear(pa, pages);
        return pa;
    }

    /**
     * Gives pages back, all or some of an allocation, and zeroes them.
     *
     * @param pa address of the first
     * @param pages number of 4096-byte pages, at least 1
     * @throws BackendException {@code EINVAL} if one of them is not in use; none is given back then
     */
    public synchronized void free(long pa, int pages) {
        long first = (pa - base) >> SparseMemory.PAGE_SHIFT;
        boolean whole = pages > 0 && (pa & (SparseMemory.PAGE_BYTES - 1)) == 0;
        if (!whole || first < 0 || first > everUsed - pages || used.nextClearBit((int) first) < first + pages) {
            throw new BackendException(
                    Errno.EINVAL, pages + " pages at 0x" + Long.toHexString(pa) + " are not all the host's and in use");
        }
        memory.clear(pa, pages);
        used.clear((int) first, (int) first + pages);
    }
}
