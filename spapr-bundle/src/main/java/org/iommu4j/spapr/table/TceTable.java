package org.iommu4j.spapr.table;

/**
 * A table of a window: where it is and how an address goes through it, docs/spec/spapr-tce.md 3.3 and 3.4.
 *
 * @param root address of the top level
 * @param pageShift log2 of the page size in bytes
 * @param levels 1 to 5
 * @param levelBits index bits of each level, at least 9
 * @param entries pages of the window
 */
public record TceTable(long root, int pageShift, int levels, int levelBits, long entries) {
    /** Index bits of the smallest level, 4 KiB. */
    public static final int MIN_LEVEL_BITS = 9;

    /** Index bits of the largest level that a validation entry can name, docs/spec/spapr-tce.md 3.3: TTS has five bits. */
    public static final int MAX_LEVEL_BITS = Tve.MAX_LEVEL_BITS;

    /** Most levels. */
    public static final int MAX_LEVELS = 5;

    /** Index bits of all levels and the page shift must stay below; docs/spec/spapr-tce.md 3.4. */
    public static final int ADDRESS_BITS_LIMIT = 55;

    /** Index bits of each level when nobody says otherwise: as few as do, but a level has at least 4 KiB. */
    public static int defaultLevelBits(int windowShift, int pageShift, int levels) {
        int entriesBits = windowShift - pageShift;
        return Math.max(MIN_LEVEL_BITS, (entriesBits + levels - 1) / levels);
    }

    /** True if a window of that form can exist: levels and index bits in their limits, the window no larger than its table. */
    public static boolean isPossible(int windowShift, int pageShift, int levels, int levelBits) {
        return levels >= 1
                && levels <= MAX_LEVELS
                && levelBits >= MIN_LEVEL_BITS
                && levelBits <= MAX_LEVEL_BITS
                && pageShift < Long.SIZE
                && windowShift >= pageShift
                && windowShift - pageShift <= levels * levelBits
                && levels * levelBits + pageShift < ADDRESS_BITS_LIMIT;
    }

    /** Bytes of one level. */
    public long levelBytes() {
        return 1L << (levelBits + Tce.SHIFT);
    }

    /** True if an offset in the window is inside it. */
    public boolean contains(long offset) {
        return offset >>> pageShift < entries;
    }

    /** The same table, of which no more than so many pages count. */
    public TceTable ofAtMost(long pages) {
        return entries <= pages ? this : new TceTable(root, pageShift, levels, levelBits, pages);
    }

    /** Address of a level's entry for an offset. */
    public long entryAt(long table, long offset, int level) {
        long index = (offset >>> (pageShift + level * levelBits)) & ((1L << levelBits) - 1);
        return table + (index << Tce.SHIFT);
    }

    /** Address of the entry for an offset, in a table of one level. */
    public long leafOf(long offset) {
        return root + (offset >>> pageShift << Tce.SHIFT);
    }

    /** The bits of an address within a page. */
    public long pageMask() {
        return (1L << pageShift) - 1;
    }
}
