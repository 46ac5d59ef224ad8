package org.iommu4j.layout;

/** Values as people write them, where their meaning does not depend on the layout that they stand in. */
public final class Meanings {
    private static final String[] UNITS = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    private static final int UNIT_SHIFT = 10;

    private Meanings() {}

    /**
     * A size that is a power of two, in the largest unit that fits: {@code 64 KiB}.
     *
     * @param shift the size is 2 to this many bytes, from 0 to 63
     */
    public static String bytes(int shift) {
        return (1L << shift % UNIT_SHIFT) + " " + UNITS[shift / UNIT_SHIFT];
    }
}
