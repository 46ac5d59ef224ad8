package org.iommu4j.simulation.memory;

import java.util.Arrays;
import java.util.BitSet;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.PageOwner;
import org.iommu4j.contract.Errno;

/**
 * The host's share of a memory: pages from the middle of the physical address space upwards, above all guest memory. What
 * was handed out once stays memory, whatever the guest's ranges say; what is given back reads as zero.
 *
 * <p>A page has an owner as long as it is in use, and may be asked for it at any time: who uses a translation asks when it is
 * used, so that it does not matter which came first, the translation or the owner.
 *
 * <p>Any thread may allocate, free and ask.
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
     * The owner of each page that was in use at any time, counted from the base; a longer array takes its place. Changed under
     * the lock, read without it.
     */
    private volatile PageOwner[] owners = {};

    /** Number of changes of an owner. Written under the lock, read without it. */
    private volatile int changes;

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

    /** Zeroed, contiguous pages that are kept from nobody; as {@link #allocate(int, PageOwner)}. */
    public long allocate(int pages) {
        return allocate(pages, PageOwner.CLIENT);
    }

    /**
     * Zeroed, contiguous pages.
     *
     * @param pages number of 4096-byte pages, at least 1
     * @param owner for whom
     * @return address of the first
     * @throws BackendException {@code ENOMEM} if there are not that many in a row, {@code EINVAL} if {@code pages} is not
     *     positive
     */
    public synchronized long allocate(int pages, PageOwner owner) {
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
        // Nobody writes here any more when it is cleared: where memory is everywhere, a guest may have done so before.
        own(first, pages, owner);
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
        own((int) first, pages, PageOwner.CLIENT);
        used.clear((int) first, (int) first + pages);
    }

    private synchronized void own(int first, int pages, PageOwner owner) {
        PageOwner[] known = owners;
        if (first + pages > known.length) {
            known = Arrays.copyOf(known, Math.max(first + pages, 2 * known.length));
        }
        Arrays.fill(known, first, first + pages, owner);
        owners = known;
        changes++;
    }

    /**
     * True if none of {@code length} bytes at {@code pa} is in a page of somebody from whom more is kept than for {@code most}.
     *
     * @param pa unsigned, in bytes
     * @param length in bytes, not negative
     */
    boolean isOpen(long pa, long length, PageOwner most) {
        // Nearly all that is asked for lies below.
        return (pa >= 0 && pa + length <= base) || isOpenAbove(pa, length, most);
    }

    private boolean isOpenAbove(long pa, long length, PageOwner most) {
        PageOwner[] known = owners;
        if (length == 0) {
            return true;
        }
        long last = pa + length - 1;
        long from = Math.max(pa - base, 0) >>> SparseMemory.PAGE_SHIFT;
        long to = last < base ? -1 : Math.min((last - base) >>> SparseMemory.PAGE_SHIFT, known.length - 1L);
        for (long page = from; page <= to; page++) {
            PageOwner owner = known[(int) page];
            if (owner != null && owner.compareTo(most) > 0) {
                return false;
            }
        }
        return true;
    }

    /**
     * True for a page of the host's share that nobody uses.
     *
     * @param pa unsigned
     */
    public synchronized boolean isFree(long pa) {
        long page = (pa - base) >>> SparseMemory.PAGE_SHIFT;
        return Long.compareUnsigned(pa, base) >= 0 && page < limit && !used.get((int) page);
    }

    /** Number of changes of an owner: knowledge about pages holds until the next. */
    int changes() {
        return changes;
    }
}
