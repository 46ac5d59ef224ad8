package org.iommu4j.intel.table;

/** Widths of second-stage tables: the AW code of a context entry, the levels and the address bits that it stands for. */
public final class Agaw {
    /** Smallest AW that is defined: 39 bits, 3 levels. */
    public static final int MIN_AW = 1;

    /** Largest AW that is defined: 57 bits, 5 levels. */
    public static final int MAX_AW = 3;

    private Agaw() {}

    /** Levels of a table, 2 to 5, for AW 0 to 3. */
    public static int levels(int aw) {
        return aw + 2;
    }

    /** AW of a table with 2 to 5 levels. */
    public static int ofLevels(int levels) {
        return levels - 2;
    }

    /** AW of a table that translates 30, 39, 48 or 57 address bits. */
    public static int ofWidth(int bits) {
        return (bits - width(0)) / SlPte.LEVEL_BITS;
    }

    /** Address bits of a table: 30, 39, 48 or 57 for AW 0 to 3. */
    public static int width(int aw) {
        return 30 + SlPte.LEVEL_BITS * aw;
    }

    /** True if hardware supports a width; AW 0 and everything beyond {@link #MAX_AW} is reserved. */
    public static boolean isSupported(int aw, long sagaw) {
        return aw >= MIN_AW && aw <= MAX_AW && (sagaw >>> aw & 1) != 0;
    }

    /**
     * The widest supported AW that is not wider than MGAW needs, VT-d 3.7; the narrowest wider one if there is none.
     *
     * @param sagaw CAP.SAGAW
     * @param mgawBits address width of the unit in bits
     * @return the AW, or -1 if SAGAW names none
     */
    public static int widest(long sagaw, int mgawBits) {
        int narrowestWider = -1;
        for (int aw = MAX_AW; aw >= MIN_AW; aw--) {
            if (isSupported(aw, sagaw)) {
                if (width(aw) <= mgawBits) {
                    return aw;
                }
                narrowestWider = aw;
            }
        }
        return narrowestWider;
    }

    /** log2 of the bytes that an entry of a level maps: 12 at level 1. */
    public static int shift(int level) {
        return 12 + SlPte.LEVEL_BITS * (level - 1);
    }

    /** The level whose entries map 2^shift bytes. */
    public static int levelOf(int shift) {
        return (shift - 12) / SlPte.LEVEL_BITS + 1;
    }

    /** Index into the table of a level. */
    public static int index(long iova, int level) {
        return (int) (iova >>> shift(level)) & 0x1ff;
    }
}
