package org.iommu4j.driver.range;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.iommu4j.testing.Property;
import org.junit.jupiter.api.Test;

class RangeCoverPropertyTest {
    private final RangeCover cover = new RangeCover();

    @Test
    void shouldCoverEveryPageOnceWhenExactAndAllOfThemElse() {
        Property.check(2000, random -> {
            long first = random.nextLong(1L << random.nextInt(1, 52)) << 12;
            long pages = random.nextLong(1, 1L << random.nextInt(1, 20)) + 1;
            long last = first + (pages << 12) - 1;
            int maxOrder = random.nextInt(0, 53);
            cover.cover(first, last, maxOrder);
            assertTrue(cover.count() >= 1 && cover.count() <= RangeCover.MAX_BLOCKS);
            if (cover.exact()) {
                long next = first;
                for (int i = 0; i < cover.count(); i++) {
                    assertEquals(next, cover.address(i), "no gap, no overlap");
                    assertTrue(cover.count() == 1 || cover.order(i) <= maxOrder);
                    assertEquals(0, next & ((1L << (cover.order(i) + 12)) - 1), "aligned to its size");
                    next += 1L << (cover.order(i) + 12);
                }
                assertEquals(last + 1, next);
            } else {
                assertEquals(1, cover.count());
                long end = cover.address(0) + (1L << (cover.order(0) + 12)) - 1;
                assertTrue(cover.address(0) <= first && end >= last);
                assertTrue(cover.order(0) == 0 || !holdsIn(first, last, cover.order(0) - 1), "the smallest such block");
            }
        });
    }

    @Test
    void shouldTakeTheWholeSpaceWhenTheRangeIsIt() {
        cover.cover(0, -1L, 51);
        assertEquals(2, cover.count());
        cover.coverWithOne(0, -1L);
        assertEquals(0, cover.address(0));
        assertEquals(RangeCover.WHOLE_SPACE_ORDER, cover.order(0));
        assertTrue(cover.exact());
        cover.coverWithOne(1L << 63, -1L);
        assertEquals(1L << 63, cover.address(0));
        assertEquals(51, cover.order(0));
        cover.coverWithOne(0x7fff_ffff_ffff_f000L, 0x8000_0000_0000_0fffL);
        assertEquals(0, cover.address(0));
        assertEquals(RangeCover.WHOLE_SPACE_ORDER, cover.order(0));
    }

    @Test
    void shouldPutTheSizeOfABlockIntoItsAddress() {
        assertEquals(0x1_2000L, RangeCover.sizeInAddress(0x1_2000L, 1));
        assertEquals(0x1_1000L, RangeCover.sizeInAddress(0x1_0000L, 2));
        assertEquals(0x400f_f000L, RangeCover.sizeInAddress(0x4000_0000L, 9));
        assertEquals(0x7fff_ffff_ffff_f000L, RangeCover.sizeInAddress(0, RangeCover.WHOLE_SPACE_ORDER));
        assertEquals(0xbfff_ffff_ffff_f000L, RangeCover.sizeInAddress(1L << 63, 51));
    }

    private static boolean holdsIn(long first, long last, int order) {
        return first >>> (order + 12) == last >>> (order + 12);
    }
}
