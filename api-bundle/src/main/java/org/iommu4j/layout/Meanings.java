package org.iommu4j.layout;

import java.util.Locale;

/** Values as people write them, where their meaning does not depend on the layout that they stand in. */
public final class Meanings {
    private static final String[] UNITS = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    private static final int UNIT_SHIFT = 10;

    private Meanings() {}

    /** A PCI requester id of 16 bits as bus, device and function: {@code 00:1f.2}. */
    public static String requester(long id) {
        return String.format(Locale.ROOT, "%02x:%02x.%x", id >>> 8, (id >>> 3) & 0x1f, id & 0x7);
    }

    /**
     * A size that is a power of two, in the largest unit that fits: {@code 64 KiB}.
     *
     * @param shift the size is 2 to this many bytes, from 0 to 63
     */
    public static String bytes(int shift) {
        return (1L << shift % UNIT_SHIFT) + " " + UNITS[shift / UNIT_SHIFT];
    }
}
