package org.iommu4j.spapr.table;

import static org.iommu4j.layout.FieldOption.about;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * Translation validation entry of IODA2 and IODA3, docs/spec/spapr-tce.md 3.3: how the addresses of an endpoint's slot
 * are translated.
 */
public final class Tve {
    private static final Layout.Builder ENTRY =
            Layout.named("tve").size(64).bigEndian().msb0().spec("IODA2 and IODA3, TVE; docs/spec/spapr-tce.md 3.3");
    public static final BitField TABLE = ENTRY.bits("TABLE", 0, 47, about("address of the table >> 12"));
    public static final BitField LEVELS = ENTRY.bits("LEVELS", 48, 50, about("levels - 1; 5 to 7 are invalid"));
    public static final BitField TTS =
            ENTRY.bits("TTS", 51, 55, about("log2 of the bytes of a level, - 11; 0 is invalid"));
    public static final BitField NON_TRANSLATE = ENTRY.bit("NT", 56, about("addresses pass untranslated; IODA3"));
    public static final BitField PAGE_SIZE = ENTRY.bits("PSIZE", 59, 63, about("page shift - 11; 0: no translation"));

    public static final Layout LAYOUT = ENTRY.build();

    private static final Layout.Builder RANGE = Layout.named("tve of a bypass")
            .size(64)
            .bigEndian()
            .msb0()
            .spec("IODA2 and IODA3, TVE; docs/spec/spapr-tce.md 3.3");
    public static final BitField START_LOW = RANGE.bits("START_LOW", 0, 23, about("bits 47:24 of the first address"));
    public static final BitField END_LOW = RANGE.bits("END_LOW", 24, 47, about("bits 47:24 of the end"));
    public static final BitField RANGE_CHECK = RANGE.bit("RANGE_CHECK", 51, about("set"));
    public static final BitField START_HIGH =
            RANGE.bits("START_HIGH", 52, 53, about("bits 49:48 of the first address"));
    public static final BitField END_HIGH = RANGE.bits("END_HIGH", 54, 55, about("bits 49:48 of the end"));
    public static final BitField RANGE_NON_TRANSLATE = RANGE.bit("NT", 56, about("set"));

    /** The entry where nothing is translated. */
    public static final Layout RANGE_LAYOUT = RANGE.build();

    private static final int ROOT_SHIFT = 12;

    /** Widest address of a table, in bits. */
    public static final int ROOT_BITS = ROOT_SHIFT + TABLE.width();

    private static final int TTS_BITS = 8;

    /** Index bits of the largest level that {@link #TTS} can name. */
    public static final int MAX_LEVEL_BITS = TTS_BITS + (1 << TTS.width()) - 1;

    private static final int PAGE_SHIFT = 11;
    private static final int RANGE_SHIFT = 24;
    private static final int RANGE_LOW_BITS = 24;

    /** Bits of an address that passes untranslated. */
    private static final long BYPASS_ADDRESS = (1L << 50) - 1;

    private Tve() {}

    /** The entry of a table. */
    public static long of(TceTable table) {
        return TABLE.of(table.root() >>> ROOT_SHIFT)
                | LEVELS.of(table.levels() - 1)
                | TTS.of(table.levelBits() - TTS_BITS)
                | PAGE_SIZE.of(table.pageShift() - PAGE_SHIFT);
    }

    /** The entry for addresses that pass untranslated; both ends multiples of 16 MiB, in bits 49:24. */
    public static long bypass(long start, long end) {
        long first = (start & BYPASS_ADDRESS) >>> RANGE_SHIFT;
        long last = (end & BYPASS_ADDRESS) >>> RANGE_SHIFT;
        long low = (1L << RANGE_LOW_BITS) - 1;
        return START_LOW.of(first & low)
                | START_HIGH.of(first >>> RANGE_LOW_BITS)
                | END_LOW.of(last & low)
                | END_HIGH.of(last >>> RANGE_LOW_BITS)
                | RANGE_CHECK.mask()
                | RANGE_NON_TRANSLATE.mask();
    }

    /** The table of an entry, or null if it is invalid or has none. */
    public static TceTable table(long entry) {
        if (!isValid(entry) || PAGE_SIZE.get(entry) == 0) {
            return null;
        }
        int levels = LEVELS.getInt(entry) + 1;
        int levelBits = TTS.getInt(entry) + TTS_BITS;
        int pageShift = PAGE_SIZE.getInt(entry) + PAGE_SHIFT;
        int indexBits = levels * levelBits;
        // Beyond 2^59 a slot has no addresses; the table's extent is cut there.
        int extent = Math.min(indexBits, Long.SIZE - 1 - pageShift);
        return new TceTable(TABLE.get(entry) << ROOT_SHIFT, pageShift, levels, levelBits, 1L << Math.max(extent, 0));
    }

    /** True if an entry lets addresses pass untranslated; the flag NT, which IODA2 does not have, decides nothing. */
    public static boolean isBypass(long entry) {
        return isValid(entry) && PAGE_SIZE.get(entry) == 0 && RANGE_CHECK.isSet(entry);
    }

    /** Step 4 of a translation. */
    private static boolean isValid(long entry) {
        return TTS.get(entry) != 0 && LEVELS.get(entry) < TceTable.MAX_LEVELS;
    }

    /** True if an entry that lets addresses pass lets this one pass. */
    public static boolean passes(long entry, long iova) {
        long block = (iova & BYPASS_ADDRESS) >>> RANGE_SHIFT;
        long start = START_HIGH.get(entry) << RANGE_LOW_BITS | START_LOW.get(entry);
        long end = END_HIGH.get(entry) << RANGE_LOW_BITS | END_LOW.get(entry);
        return block >= start && block < end;
    }

    /** The physical address of an address that passes untranslated. */
    public static long passed(long iova) {
        return iova & BYPASS_ADDRESS;
    }
}
