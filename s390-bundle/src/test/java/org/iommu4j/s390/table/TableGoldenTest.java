package org.iommu4j.s390.table;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.iommu4j.s390.Machine;
import org.junit.jupiter.api.Test;

/** Masks of docs/spec/s390-zpci.md 3.2, and the walks of docs/spec/s390-zpci.md 8 by their numbers. */
class TableGoldenTest {
    private final Machine machine = Machine.of(2).withTables();
    private final TableWalker walker = new TableWalker(machine.memory(), false);

    private int walk(long address) {
        return walker.walk(Machine.IOTA, address, null);
    }

    @Test
    void shouldPlaceFieldsByTheirMasks() {
        assertEquals(0xffff_ffff_ffff_c000L, RegionEntry.ORIGIN.mask());
        assertEquals(0x20, RegionEntry.I.mask());
        assertEquals(0x200, RegionEntry.P.mask());
        assertEquals(0x0c, RegionEntry.TT.mask());
        assertEquals(0xc0, RegionEntry.TF.mask());
        assertEquals(3, RegionEntry.TL.mask());
        assertEquals(0xffff_ffff_ffff_f800L, SegmentEntry.ORIGIN.mask());
        assertEquals(0x400, SegmentEntry.FC.mask());
        assertEquals(0x20, SegmentEntry.I.mask());
        assertEquals(0x200, SegmentEntry.P.mask());
        assertEquals(0x0c, SegmentEntry.TT.mask());
        assertEquals(0xffff_ffff_ffff_f000L, PageEntry.FRAME.mask());
        assertEquals(0x400, PageEntry.I.mask());
        assertEquals(0x200, PageEntry.P.mask());
    }

    @Test
    void shouldFindAPageAsVector3() {
        assertEquals(TableWalker.MAPPED, walk(0x1_0000_2abcL));
        assertEquals(0x1234_5000L, walker.frame());
        assertEquals(12, walker.shift());
        assertTrue(walker.writable());
    }

    @Test
    void shouldSeeWriteProtectionOfAPageAsVector4() {
        machine.page(3, 0x1234_6200L);
        assertEquals(TableWalker.MAPPED, walk(0x1_0000_3000L));
        assertEquals(0x1234_6000L, walker.frame());
        assertFalse(walker.writable());
    }

    @Test
    void shouldTellAnInvalidPageFromAnEmptyEntryAsVectors5And6() {
        machine.page(4, 0x400);
        assertEquals(TableWalker.NOT_MAPPED, walk(0x1_0000_4000L));
        assertEquals(12, walker.shift());
        assertEquals(7, walk(0x1_0000_5000L));
    }

    @Test
    void shouldStopAtAnInvalidSegmentAsVector7() {
        machine.write(Machine.ST + 8, 0x20);
        assertEquals(TableWalker.NOT_MAPPED, walk(0x1_0010_2000L));
        assertEquals(20, walker.shift());
    }

    @Test
    void shouldRefuseWrongRegionEntriesAsVectors9To11() {
        machine.write(Machine.RT + 4 * 8, 0x1000_4003L, 0x1000_4006L, 0x1000_4047L);
        assertEquals(9, walk(0x2_0000_0000L));
        assertEquals(8, walk(0x2_8000_0000L));
        assertEquals(8, walk(0x3_0000_0000L));
    }

    @Test
    void shouldRefuseAWrongSegmentEntryAsVector12() {
        machine.write(Machine.ST + 3 * 8, 0x1000_8004L);
        assertEquals(9, walk(0x1_0030_2000L));
    }

    @Test
    void shouldInheritProtectionOfARegionAsVector13() {
        machine.write(Machine.RT + 8 * 8, 0x1000_4207L);
        assertEquals(TableWalker.MAPPED, walk(0x4_0000_2000L));
        assertEquals(0x1234_5000L, walker.frame());
        assertFalse(walker.writable());
    }

    @Test
    void shouldNotWrapBeyondTheReachOfTheTableAsVector15() {
        // QEMU wraps onto 12345000.
        assertEquals(8, walk(0x401_0000_2000L));
    }

    @Test
    void shouldTakeAFrameOfOneMegabyteOnlyWhereItExists() {
        machine.write(Machine.ST + 2 * 8, 0x4000_0400L);
        assertEquals(9, walk(0x1_0028_0000L));
        TableWalker large = new TableWalker(machine.memory(), true);
        assertEquals(TableWalker.MAPPED, large.walk(Machine.IOTA, 0x1_0028_0000L, null));
        assertEquals(0x4000_0000L, large.frame());
        assertEquals(20, large.shift());
    }

    @Test
    void shouldMaskTheAnchorsOriginWhollyAsQuirk6() {
        // QEMU keeps the protection bit in the origin, and reads 64 entries further on.
        assertEquals(TableWalker.MAPPED, walker.walk(Machine.IOTA | 0x200, 0x1_0000_2000L, null));
    }

    @Test
    void shouldRefuseAnAnchorThatIsNotAlignedOrHasAKey() {
        assertEquals(3, walker.walk(Machine.IOTA | 0x1000, 0x1_0000_2000L, null));
        assertEquals(3, walker.walk(Machine.IOTA | 0x20, 0x1_0000_2000L, null));
    }

    @Test
    void shouldTakeAValidEntryOfFrame0AsQuirk9() {
        // QEMU reports code 9.
        machine.page(9, 0x200);
        assertEquals(TableWalker.MAPPED, walk(0x1_0000_9000L));
        assertEquals(0, walker.frame());
        assertFalse(walker.writable());
    }
}
