package org.iommu4j.simulation.memory;

import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.PageOwner;
import org.iommu4j.backend.PhysicalMemory;

/**
 * Memory of which pages of the host are no part, as long as they have an owner from whom guests are kept: an access to one is
 * one to an address where there is no memory. Allocates nothing.
 */
public final class GuardedMemory implements PhysicalMemory {
    private final PhysicalMemory memory;
    private final HostPages pages;
    private final PageOwner most;

    /**
     * A part of a memory.
     *
     * @param memory all of it
     * @param pages who has which of the host's pages
     * @param most pages of this owner, and of those before it, are memory
     */
    public GuardedMemory(PhysicalMemory memory, HostPages pages, PageOwner most) {
        this.memory = memory;
        this.pages = pages;
        this.most = most;
    }

    /** All of the memory. */
    PhysicalMemory all() {
        return memory;
    }

    /** Number of changes of the memory's extent; see {@link HostPages#changes}. */
    int changes() {
        return pages.changes();
    }

    private void check(long pa, long length) {
        if (!pages.isOpen(pa, length, most)) {
            throw new BusErrorException(firstClosed(pa, length));
        }
    }

    /** The first address that is not memory: in its first page that is not, for the whole of it may be in several. */
    private long firstClosed(long pa, long length) {
        long at = pa;
        while (pages.isOpen(at, Math.min(pa + length - at, toPageEnd(at)), most)) {
            at += toPageEnd(at);
        }
        return at;
    }

    private static long toPageEnd(long pa) {
        return SparseMemory.PAGE_BYTES - (pa & SparseMemory.IN_PAGE);
    }

    @Override
    public long readLongLe(long pa) {
        check(pa, Long.BYTES);
        return memory.readLongLe(pa);
    }

    @Override
    public long readLongBe(long pa) {
        check(pa, Long.BYTES);
        return memory.readLongBe(pa);
    }

    @Override
    public int readIntLe(long pa) {
        check(pa, Integer.BYTES);
        return memory.readIntLe(pa);
    }

    @Override
    public void writeLongLe(long pa, long value) {
        check(pa, Long.BYTES);
        memory.writeLongLe(pa, value);
    }

    @Override
    public void readPairLe(long pa, long[] target) {
        check(pa, SparseMemory.PAIR_BYTES);
        memory.readPairLe(pa, target);
    }

    @Override
    public void writePairLe(long pa, long first, long second) {
        check(pa, SparseMemory.PAIR_BYTES);
        memory.writePairLe(pa, first, second);
    }

    @Override
    public void writeLongBe(long pa, long value) {
        check(pa, Long.BYTES);
        memory.writeLongBe(pa, value);
    }

    @Override
    public void writeIntLe(long pa, int value) {
        check(pa, Integer.BYTES);
        memory.writeIntLe(pa, value);
    }

    @Override
    public void read(long pa, byte[] target, int offset, int length) {
        check(pa, length);
        memory.read(pa, target, offset, length);
    }

    @Override
    public void write(long pa, byte[] source, int offset, int length) {
        check(pa, length);
        memory.write(pa, source, offset, length);
    }

    @Override
    public boolean contains(long pa, long length) {
        return memory.contains(pa, length) && pages.isOpen(pa, length, most);
    }
}
