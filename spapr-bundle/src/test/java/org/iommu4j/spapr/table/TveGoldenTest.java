package org.iommu4j.spapr.table;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Vectors of docs/spec/spapr-tce.md 8, and the rules of 3.3 and 3.4; numbers typed from there. */
class TveGoldenTest {
    @ParameterizedTest
    @CsvSource({
        "0x123450000, 16, 1, 13, 0x0000001234500505",
        "0x200000000, 16, 2, 13, 0x0000002000002505",
        "0x40000000, 12, 1, 18, 0x0000000400000A01",
        "0x7F0000000, 21, 1, 9, 0x0000007F0000010A",
        "0x7F0000000, 30, 1, 9, 0x0000007F00000113",
        "0x7F0000000, 24, 1, 9, 0x0000007F0000010D",
        "0x7F0000000, 28, 1, 9, 0x0000007F00000111",
    })
    void shouldHoldATableInAnEntry(String root, int pageShift, int levels, int levelBits, String word) {
        TceTable table =
                new TceTable(Long.decode(root), pageShift, levels, levelBits, 1L << Math.min(62, levels * levelBits));
        long entry = Long.parseUnsignedLong(word.substring(2), 16);
        assertEquals(entry, Tve.of(table));
        assertEquals(table.root(), Tve.table(entry).root());
        assertEquals(pageShift, Tve.table(entry).pageShift());
        assertEquals(levels, Tve.table(entry).levels());
        assertEquals(levelBits, Tve.table(entry).levelBits());
    }

    @Test
    void shouldLetARangePass() {
        // vector 11
        long start = 1L << 59;
        long entry = Tve.bypass(start, start + (64L << 30));
        assertEquals(0x10001080L, entry);
        assertTrue(Tve.isBypass(entry));
        assertTrue(Tve.isBypass(entry & ~Tve.NON_TRANSLATE.mask()));
        assertTrue(Tve.passes(entry, start + (64L << 30) - 1));
        assertFalse(Tve.passes(entry, start + (64L << 30)));
        assertEquals(0x1234, Tve.passed(start + 0x1234));
    }

    @ParameterizedTest
    @CsvSource({
        "0x000000123450a505",
        "0x000000123450e505",
        "0x0000001234500005",
        "0x0000001234500500",
        "0x10000080",
        "0x1000b080",
        "0x0"
    })
    void shouldBeInvalidWithWrongLevelsOrSizes(String word) {
        // quirk 16
        assertNull(Tve.table(Long.decode(word)));
        assertFalse(Tve.isBypass(Long.decode(word)));
    }

    @Test
    void shouldTakeAsManyIndexBitsAsTheLevelsNeed() {
        // vectors 23 and 18 are of a host with pages of 64 KiB, whose levels have at least 13 bits; ours have at least
        // 9.
        assertEquals(12, TceTable.defaultLevelBits(40, 16, 2));
        assertEquals(11, TceTable.defaultLevelBits(47, 16, 3));
        assertEquals(9, TceTable.defaultLevelBits(30, 16, 2));
    }

    @Test
    void shouldRefuseWhatReaches55Bits() {
        // quirk 18: 3 levels of 13 bits, pages of 64 KiB
        assertFalse(TceTable.isPossible(47, 16, 3, 13));
        assertTrue(TceTable.isPossible(47, 16, 3, 12));
        assertFalse(TceTable.isPossible(30, 12, 6, 9));
        assertFalse(TceTable.isPossible(30, 12, 1, 17));
    }
}
