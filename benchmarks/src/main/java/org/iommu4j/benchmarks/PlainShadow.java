package org.iommu4j.benchmarks;

import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.simulation.cache.TranslationCache;

/**
 * The floor for refreshing shadow tables and accessing through them: one class by hand for one function and one form of
 * tables, over the same memory and the same cache, with the checks that the architecture has for what is in the tables and
 * for the aperture. No instructions, no states, no counters, no observers, no errors with reasons.
 */
final class PlainShadow {
    private static final int FUNCTION = 1;
    private static final int NO_PASID = TranslationCache.NO_PASID;
    private static final int READ_WRITE = DmaAccess.READ | DmaAccess.WRITE;
    private static final int PAGE_SHIFT = 12;
    private static final long PAGE = 1 << PAGE_SHIFT;
    private static final int BUDGET = 1 << 16;

    /** Invalid, offset, type and length of a region third table entry, and what they must be. */
    private static final long REGION_CHECKED = 0xef;

    private static final long REGION_RIGHT = 0x7;

    /** Large frame, invalid and type of a segment table entry: none must be set. */
    private static final long SEGMENT_CHECKED = 0x42c;

    private static final long PROTECTED = 0x200;
    private static final long PAGE_INVALID = 0x400;

    private final PhysicalMemory memory;
    private final long root;
    private final long first;
    private final long last;
    private final TranslationCache shadow = new TranslationCache(BUDGET);
    private int budget = BUDGET;
    private boolean writable;

    /**
     * For one function.
     *
     * @param root address of its region third table
     * @param first address of its aperture
     * @param last address of its aperture
     */
    PlainShadow(PhysicalMemory memory, long root, long first, long last) {
        this.memory = memory;
        this.root = root;
        this.first = first;
        this.last = last;
    }

    /** Reads the pages of a range anew; how many are mapped, or -1 if the range or a table is wrong. */
    int refresh(long start, long length) {
        long end = start + length;
        if (isOutside(start, end - 1)) {
            return -1;
        }
        int mapped = 0;
        long table = 0;
        for (long at = start; at < end; at += PAGE) {
            if (table == 0 || (at >>> 12 & 0xff) == 0) {
                table = table(at);
            }
            long entry = table == 0 ? 0 : memory.readLongBe(table + (at >>> 12 & 0xff) * 8);
            if (entry == 0) {
                return -1;
            }
            if ((entry & PAGE_INVALID) != 0) {
                budget += shadow.invalidatePage(FUNCTION, NO_PASID, at);
            } else if (install(at, entry & -PAGE, rights(entry))) {
                mapped++;
            } else {
                return -1;
            }
        }
        return mapped;
    }

    private boolean install(long at, long frame, int rights) {
        int known = shadow.lookup(FUNCTION, NO_PASID, at);
        if (known == TranslationCache.MISS) {
            if (budget == 0) {
                return false;
            }
            budget--;
        } else if (shadow.value(known) == frame && shadow.attributes(known) == rights) {
            return true;
        }
        shadow.insert(FUNCTION, NO_PASID, at, PAGE_SHIFT, frame, rights);
        return true;
    }

    /** The address of an access through the shadow; 0 if it is refused. */
    long lookup(DmaAccess access) {
        long iova = access.iova();
        int entry = isOutside(iova, iova) ? TranslationCache.MISS : shadow.lookup(FUNCTION, NO_PASID, iova);
        return entry == TranslationCache.MISS ? 0 : finish(access, shadow.value(entry), shadow.attributes(entry));
    }

    /** The address of an access through the tables as they are now; 0 if it is refused. */
    long walk(DmaAccess access) {
        long iova = access.iova();
        long table = isOutside(iova, iova) ? 0 : table(iova);
        long entry = table == 0 ? 0 : memory.readLongBe(table + (iova >>> 12 & 0xff) * 8);
        return entry == 0 || (entry & PAGE_INVALID) != 0 ? 0 : finish(access, entry & -PAGE, rights(entry));
    }

    private static long finish(DmaAccess access, long frame, int rights) {
        if ((access.rights() & ~rights) != 0) {
            return 0;
        }
        access.translated(frame | (access.iova() & (PAGE - 1)), PAGE, rights, false);
        return access.spa();
    }

    /** The page table of an address; 0 if there is none, or a table is wrong. */
    private long table(long at) {
        long region = memory.readLongBe(root + (at >>> 31 & 0x7ff) * 8);
        if ((region & REGION_CHECKED) != REGION_RIGHT) {
            return 0;
        }
        long segment = memory.readLongBe((region & -0x4000L) + (at >>> 20 & 0x7ff) * 8);
        if ((segment & SEGMENT_CHECKED) != 0) {
            return 0;
        }
        writable = ((region | segment) & PROTECTED) == 0;
        return segment & -0x800L;
    }

    private int rights(long entry) {
        return writable && (entry & PROTECTED) == 0 ? READ_WRITE : DmaAccess.READ;
    }

    private boolean isOutside(long from, long to) {
        return Long.compareUnsigned(from, first) < 0 || Long.compareUnsigned(to, last) > 0;
    }
}
