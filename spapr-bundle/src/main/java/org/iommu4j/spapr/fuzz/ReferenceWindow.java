package org.iommu4j.spapr.fuzz;

import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.spapr.command.FaultReason;

/**
 * A window and a plain walk of its table, docs/spec/spapr-tce.md 3.5, apart from the platform's.
 *
 * @param base first bus address
 * @param pageShift log2 of the page size in bytes
 * @param windowShift log2 of the window's size in bytes
 * @param levels of the table
 * @param levelBits index bits of each level
 * @param table address of the top level
 */
record ReferenceWindow(long base, int pageShift, int windowShift, int levels, int levelBits, long table) {
    private static final int SLOT_SHIFT = 59;
    private static final int SPACE_SHIFT = 60;
    private static final int SMALLEST_LEVEL_BITS = 9;
    private static final int ENTRY_SHIFT = 3;

    /** A window; where {@code levelShift} is 0, levels are as large as the rule of docs/spec/spapr-tce.md 3.4 says. */
    static ReferenceWindow of(long base, int pageShift, int windowShift, int levels, int levelShift, long table) {
        int bits = levelShift != 0
                ? levelShift - ENTRY_SHIFT
                : Math.max(SMALLEST_LEVEL_BITS, (windowShift - pageShift + levels - 1) / levels);
        return new ReferenceWindow(base, pageShift, windowShift, levels, bits, table);
    }

    /** A window as H_QUERY_TCE_TABLE tells of it. */
    static ReferenceWindow queried(NativeCall answer) {
        return of(
                answer.word(1),
                (int) answer.word(2),
                (int) answer.word(3),
                (int) answer.word(4),
                (int) answer.word(7),
                answer.word(5));
    }

    /** The slot of a bus address: 0 or 1. */
    static int slotOf(long iova) {
        return (int) (iova >>> SLOT_SHIFT) & 1;
    }

    /** The slot that it takes. */
    int slot() {
        return slotOf(base);
    }

    /**
     * True if an access comes to the same whatever windows there are, docs/spec/spapr-tce.md 3.5 steps 2 and 3: it says
     * to what.
     */
    static boolean needsNone(DmaAccess access) {
        long iova = access.iova();
        if (access.pasid() != DmaAccess.NO_PASID || access.addressType() != DmaAccess.AddressType.UNTRANSLATED) {
            access.blocked();
        } else if (iova >>> SPACE_SHIFT == 1) {
            access.translated(iova, 0, access.rights(), false);
        } else if (iova >>> SPACE_SHIFT != 0) {
            access.fault(FaultReason.ADDRESS_INVALID.code(), true);
        } else {
            return false;
        }
        return true;
    }

    /** True if an address is in it. */
    boolean contains(long iova) {
        return slotOf(iova) == slot() && (iova - base) >>> windowShift == 0;
    }

    /** Last address. */
    long last() {
        return base + (1L << windowShift) - 1;
    }

    /** Bytes of a page. */
    long pageBytes() {
        return 1L << pageShift;
    }

    /**
     * The leaf of an address in it; 0 below a level that is absent.
     *
     * @throws BusErrorException if an entry cannot be read
     */
    long entry(long iova, PhysicalMemory memory) {
        long offset = iova - base;
        long entry = 0;
        long at = table;
        for (int level = levels - 1; level >= 0; level--) {
            long page = offset >>> pageShift >>> (level * levelBits);
            entry = memory.readLongBe(at + (page % (1L << levelBits) << ENTRY_SHIFT));
            if ((entry & 3) == 0) {
                return level == 0 ? entry : 0;
            }
            at = entry & ~0xfffL;
        }
        return entry;
    }

    /** Fills in the outcome of an access through the window, docs/spec/spapr-tce.md 3.5 from step 6 on. */
    void translate(DmaAccess access, PhysicalMemory memory) {
        if (!contains(access.iova())) {
            access.fault(FaultReason.TCE_EXTENT_ERROR.code(), true);
            return;
        }
        long entry;
        try {
            entry = entry(access.iova(), memory);
        } catch (BusErrorException e) {
            access.fault(FaultReason.TCE_ACCESS_ERROR.code(), true);
            return;
        }
        int needed = access.rights() & 3;
        if ((entry & 3) == 0) {
            access.fault(FaultReason.TCE_PAGE_FAULT.code(), true);
        } else if (((needed == 0 ? DmaAccess.READ : needed) & ~entry) != 0) {
            access.fault(FaultReason.TCE_ACCESS_FAULT.code(), true);
        } else {
            long inPage = pageBytes() - 1;
            access.translated(
                    (entry & ~inPage) | ((access.iova() - base) & inPage), pageBytes(), (int) entry & 3, false);
        }
    }
}
