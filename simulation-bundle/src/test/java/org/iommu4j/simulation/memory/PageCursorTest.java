package org.iommu4j.simulation.memory;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.reflect.Proxy;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.PlatformConfig.Range;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class PageCursorTest {
    private final SparseMemory memory = new SparseMemory();
    private final PageCursor cursor = new PageCursor(memory);
    private final long[] pair = new long[2];

    @Test
    void shouldReadAndStoreWhatTheMemoryHolds() {
        for (long pa = 0x1000; pa < 0x4000; pa += 16) {
            cursor.writePairLe(pa, pa, ~pa);
        }

        for (long pa = 0x1000; pa < 0x4000; pa += 16) {
            assertArrayEquals(new long[] {pa, ~pa}, read(cursor, pa));
            assertEquals(pa, memory.readLongLe(pa));
            assertEquals(~pa, memory.readLongLe(pa + 8));
        }
    }

    @Test
    void shouldSeeWhatOthersStore() {
        cursor.writePairLe(0x1000, 1, 2);

        memory.writeLongLe(0x1008, 3);
        new PageCursor(memory).writePairLe(0x1010, 4, 5);

        assertArrayEquals(new long[] {1, 3}, read(cursor, 0x1000));
        assertArrayEquals(new long[] {4, 5}, read(cursor, 0x1010));
    }

    @Test
    void shouldSeeAPageThatIsWrittenAfterItWasReadAsZero() {
        assertArrayEquals(new long[2], read(cursor, 0x1000));
        assertEquals(0, memory.allocatedBytes());

        memory.writePairLe(0x1000, 1, 2);

        assertArrayEquals(new long[] {1, 2}, read(cursor, 0x1000));
    }

    @Test
    void shouldGoToAnotherPageAndBack() {
        cursor.writePairLe(0x1FF0, 1, 2);
        cursor.writePairLe(0x2000, 3, 4);

        assertArrayEquals(new long[] {1, 2}, read(cursor, 0x1FF0));
        assertArrayEquals(new long[] {3, 4}, read(cursor, 0x2000));
        assertArrayEquals(new long[2], read(cursor, 0x1000));
    }

    @ParameterizedTest
    @ValueSource(longs = {0x1008, 0x1001, 0x1FF8, 0x100F, 0xFF0, 0xFFF})
    void shouldTakeOnlyAlignedPairsForThePageThatItRemembers(long pa) {
        cursor.writePairLe(0x1000, 1, 2);

        if (pa % 16 == 0) {
            assertArrayEquals(new long[2], read(cursor, pa));
        } else {
            assertThrows(IllegalArgumentException.class, () -> cursor.readPairLe(pa, pair));
            assertThrows(IllegalArgumentException.class, () -> cursor.writePairLe(pa, 3, 4));
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0xFF0, 0, -16, 1L << 52, Long.MIN_VALUE, -4096})
    void shouldThrowWhereNoMemoryIs(long pa) {
        SparseMemory none = new SparseMemory(List.of(new Range(0x10_0000, 0x1000)));
        PageCursor fresh = new PageCursor(none);

        assertThrows(BusErrorException.class, () -> fresh.readPairLe(pa, pair));
        fresh.writePairLe(0x10_0000, 1, 2);
        assertThrows(BusErrorException.class, () -> fresh.readPairLe(pa, pair));
        assertThrows(BusErrorException.class, () -> fresh.writePairLe(pa, 1, 2));
        assertArrayEquals(new long[] {1, 2}, read(fresh, 0x10_0000));
    }

    @Test
    void shouldLookAtEachAccessToAPageThatIsMemoryInPart() {
        SparseMemory part = new SparseMemory(List.of(new Range(0x1000, 0x20)));
        PageCursor edge = new PageCursor(part);

        edge.writePairLe(0x1010, 1, 2);

        assertArrayEquals(new long[] {1, 2}, read(edge, 0x1010));
        assertThrows(BusErrorException.class, () -> edge.readPairLe(0x1020, pair));
        assertThrows(BusErrorException.class, () -> edge.writePairLe(0x1020, 1, 2));
    }

    @Test
    void shouldAskAnotherKindOfMemoryEachTime() {
        AtomicInteger accesses = new AtomicInteger();
        PhysicalMemory watched = (PhysicalMemory) Proxy.newProxyInstance(
                PhysicalMemory.class.getClassLoader(), new Class<?>[] {PhysicalMemory.class}, (proxy, method, args) -> {
                    accesses.incrementAndGet();
                    return method.invoke(memory, args);
                });
        PageCursor asking = new PageCursor(watched);

        asking.writePairLe(0x1000, 1, 2);
        asking.writePairLe(0x1000, 3, 4);

        assertArrayEquals(new long[] {3, 4}, read(asking, 0x1000));
        assertEquals(3, accesses.get());
    }

    @Test
    void shouldReadLittleEndianWords() {
        for (long pa = 0x1000; pa < 0x4000; pa += 8) {
            memory.writeLongLe(pa, ~pa);
        }

        for (long pa = 0x1000; pa < 0x4000; pa += 8) {
            assertEquals(~pa, cursor.readLongLe(pa));
        }
        assertThrows(IllegalArgumentException.class, () -> cursor.readLongLe(0x3FF4));
        assertEquals(0, cursor.readLongLe(0x5008));
    }

    @Test
    void shouldReadAndStoreBigEndianWords() {
        for (long pa = 0x1000; pa < 0x4000; pa += 8) {
            cursor.writeLongBe(pa, ~pa);
        }

        for (long pa = 0x1000; pa < 0x4000; pa += 8) {
            assertEquals(~pa, cursor.readLongBe(pa));
            assertEquals(~pa, memory.readLongBe(pa));
        }
    }

    @Test
    void shouldReadWordsOfAPageThatIsWrittenAfterItWasReadAsZero() {
        assertEquals(0, cursor.readLongBe(0x1008));
        assertEquals(0, memory.allocatedBytes());

        memory.writeLongBe(0x1008, 5);

        assertEquals(5, cursor.readLongBe(0x1008));
    }

    @Test
    void shouldTakeWordsAndPairsOfOnePage() {
        cursor.writePairLe(0x1000, 1, 2);
        cursor.writeLongBe(0x1008, 3);

        assertArrayEquals(new long[] {1, Long.reverseBytes(3)}, read(cursor, 0x1000));
        assertThrows(IllegalArgumentException.class, () -> cursor.readPairLe(0x1008, pair));
    }

    @Test
    void shouldTakeOnlyAlignedPairsAfterItCameToAWordThatBeginsNone() {
        memory.writeLongBe(0x1008, 3);

        assertEquals(3, cursor.readLongBe(0x1008));

        assertThrows(IllegalArgumentException.class, () -> cursor.readPairLe(0x1008, pair));
        assertThrows(IllegalArgumentException.class, () -> cursor.writePairLe(0x1018, 1, 2));
        assertArrayEquals(new long[] {0, Long.reverseBytes(3)}, read(cursor, 0x1000));
    }

    @ParameterizedTest
    @ValueSource(longs = {0x1001, 0x1004, 0x1ffc, 0x100f, 0xff9, 0x2004})
    void shouldTakeOnlyAlignedWords(long pa) {
        assertThrows(IllegalArgumentException.class, () -> cursor.readLongBe(pa));
        cursor.writeLongBe(0x1000, 1);
        memory.writeLongBe(0x2000, 2);

        assertThrows(IllegalArgumentException.class, () -> cursor.readLongBe(pa));
        assertThrows(IllegalArgumentException.class, () -> cursor.writeLongBe(pa, 3));
        assertEquals(1, cursor.readLongBe(0x1000));
        assertEquals(2, cursor.readLongBe(0x2000));
    }

    @ParameterizedTest
    @ValueSource(longs = {0xFF8, 0, -8, 1L << 52, Long.MIN_VALUE, -4096})
    void shouldThrowForWordsWhereNoMemoryIs(long pa) {
        PageCursor fresh = new PageCursor(new SparseMemory(List.of(new Range(0x10_0000, 0x1000))));

        assertThrows(BusErrorException.class, () -> fresh.readLongBe(pa));
        fresh.writeLongBe(0x10_0000, 1);
        assertThrows(BusErrorException.class, () -> fresh.readLongBe(pa));
        assertThrows(BusErrorException.class, () -> fresh.writeLongBe(pa, 1));
        assertEquals(1, fresh.readLongBe(0x10_0000));
    }

    @Test
    void shouldLookAtEachWordOfAPageThatIsMemoryInPart() {
        PageCursor edge = new PageCursor(new SparseMemory(List.of(new Range(0x1000, 0x20))));

        edge.writeLongBe(0x1018, 1);

        assertEquals(1, edge.readLongBe(0x1018));
        assertThrows(BusErrorException.class, () -> edge.readLongBe(0x1020));
        assertThrows(BusErrorException.class, () -> edge.writeLongBe(0x1020, 1));
    }

    private long[] read(PageCursor from, long pa) {
        from.readPairLe(pa, pair);
        return pair.clone();
    }
}
