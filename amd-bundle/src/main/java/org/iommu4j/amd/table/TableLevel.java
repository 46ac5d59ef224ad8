package org.iommu4j.amd.table;

/** Levels of host and guest tables: nine address bits each, counted from 1 at the tables of 4 KiB pages. */
public final class TableLevel {
    /** Address bits of one level. */
    public static final int BITS = 9;

    /** Highest level of any table. */
    public static final int MOST = 6;

    private static final int PAGE_SHIFT = 12;
    private static final int INDEX_MASK = (1 << BITS) - 1;

    private TableLevel() {}

    /** log2 of the bytes that an entry of a level maps: 12 at level 1. */
    public static int shift(int level) {
        return PAGE_SHIFT + BITS * (level - 1);
    }

    /** Index into the table of a level. */
    public static int index(long address, int level) {
        return (int) (address >>> shift(level)) & INDEX_MASK;
    }

    /** True if a table of so many levels, counted from 1, covers an address. */
    public static boolean covers(int levels, long address) {
        int bits = PAGE_SHIFT + BITS * levels;
        return bits >= Long.SIZE || address >>> bits == 0;
    }
}
