package org.iommu4j.upgrade.record;

import java.util.Locale;

/**
 * One cached translation, or an entry that leads to one, as {@link org.iommu4j.backend.CacheVisitor} shows it.
 *
 * @param cache which cache; a name without blanks
 * @param tag as the chip tags it
 * @param pasid the PASID, or -1
 * @param iova first address
 * @param lengthBytes size of the page; 0 if the entry is not a range
 * @param pa what it translates to
 */
record CacheEntry(String cache, long tag, int pasid, long iova, long lengthBytes, long pa) {
    private static final int PARTS = 6;

    /** Keeps the name one word. */
    CacheEntry {
        cache = cache.isBlank() ? "-" : cache.strip().replaceAll("\\s+", "-");
    }

    /** The entry in a record: cache, tag, PASID, iova, size and target, with a blank between. */
    String text() {
        return String.format(Locale.ROOT, "%s 0x%x %d 0x%x 0x%x 0x%x", cache, tag, pasid, iova, lengthBytes, pa);
    }

    /**
     * Reads {@link #text}.
     *
     * @throws IllegalArgumentException if it is not that
     */
    static CacheEntry of(String text) {
        String[] parts = text.split(" ", -1);
        if (parts.length != PARTS || parts[0].isBlank()) {
            throw new IllegalArgumentException("'" + text + "' is not 'CACHE TAG PASID IOVA SIZE PA'");
        }
        return new CacheEntry(
                parts[0],
                address(parts[1]),
                Integer.parseInt(parts[2]),
                address(parts[3]),
                address(parts[4]),
                address(parts[5]));
    }

    private static long address(String text) {
        if (!text.startsWith("0x")) {
            throw new IllegalArgumentException("'" + text + "' does not begin with 0x");
        }
        return Long.parseUnsignedLong(text, 2, text.length(), 16);
    }
}
