package org.iommu4j.s390.table;

/**
 * Levels of the tables, docs/spec/s390-zpci.md 1.2 and 3.2: 0 page, 1 segment, 2 region third, 3 region second, 4
 * region first.
 */
public final class TableLevel {
    // Levels.
    public static final int PAGE = 0;
    public static final int SEGMENT = 1;
    public static final int REGION_THIRD = 2;
    public static final int REGION_FIRST = 4;

    /** Largest table type of an anchor that names a table. */
    public static final int MAX_TYPE = 3;

    /** Bytes of an entry. */
    public static final int ENTRY_BYTES = Long.BYTES;

    /** log2 of the bytes that a page table entry maps. */
    public static final int PAGE_SHIFT = 12;

    /** log2 of the bytes that a segment table entry maps. */
    public static final int SEGMENT_SHIFT = 20;

    /** Address bits of region and segment tables. */
    public static final int INDEX_BITS = 11;

    private static final int PAGE_INDEX_MASK = 0xff;
    private static final int INDEX_MASK = (1 << INDEX_BITS) - 1;

    private TableLevel() {}

    /** Level of the first table of an anchor's type, 0 to 3. */
    public static int ofType(int type) {
        return type + SEGMENT;
    }

    /** log2 of the bytes that an entry of a level maps: 12, 20, 31, 42, 53. */
    public static int shift(int level) {
        return level == PAGE ? PAGE_SHIFT : SEGMENT_SHIFT + INDEX_BITS * (level - 1);
    }

    /** Address bits that tables of a type reach: 31, 42, 53, 64. */
    public static int reach(int type) {
        return SEGMENT_SHIFT + INDEX_BITS * (type + 1);
    }

    /** The last address that tables of a type reach. */
    public static long lastAddress(int type) {
        return -1L >>> (Long.SIZE - reach(type));
    }

    /** Index into the table of a level. */
    public static int index(long address, int level) {
        return (int) (address >>> shift(level)) & (level == PAGE ? PAGE_INDEX_MASK : INDEX_MASK);
    }

    /** The type code that an entry of a region or segment table has. */
    public static int typeCode(int level) {
        return level - SEGMENT;
    }

    /** Name of an entry, for explanations. */
    public static String nameOf(int level) {
        return switch (level) {
            case PAGE -> "page table entry";
            case SEGMENT -> "segment table entry";
            case REGION_THIRD -> "region third table entry";
            case REGION_FIRST -> "region first table entry";
            default -> "region second table entry";
        };
    }
}
