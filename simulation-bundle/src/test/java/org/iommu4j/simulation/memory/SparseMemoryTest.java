package org.iommu4j.simulation.memory;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.PlatformConfig.Range;
import org.iommu4j.contract.Errno;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class SparseMemoryTest {
    private static final long TOP = 1L << 52;

    private final SparseMemory memory = new SparseMemory();

    @Test
    void shouldKeepBytesInTheOrderThatTheNameSays() {
        memory.writeLongLe(0x1000, 0x0102030405060708L);
        memory.writeLongBe(0x1008, 0x0102030405060708L);
        memory.writeIntLe(0x1010, 0x01020304);

        byte[] bytes = new byte[20];
        memory.read(0x1000, bytes, 0, 20);
        assertArrayEquals(new byte[] {8, 7, 6, 5, 4, 3, 2, 1, 1, 2, 3, 4, 5, 6, 7, 8, 4, 3, 2, 1}, bytes);
        assertEquals(0x0807060504030201L, memory.readLongBe(0x1000));
        assertEquals(0x0102030405060708L, memory.readLongLe(0x1000));
        assertEquals(0x05060708, memory.readIntLe(0x1000));
    }

    @Test
    void shouldTakeAPairForTwoWordsOneAfterTheOther() {
        memory.writePairLe(0x1FF0, 0x0102030405060708L, -2);
        assertEquals(0x0102030405060708L, memory.readLongLe(0x1FF0));
        assertEquals(-2, memory.readLongLe(0x1FF8));
        assertEquals(0, memory.readLongLe(0x1FE8));

        long[] pair = {9, 9, 9};
        memory.readPairLe(0x1FF0, pair);
        assertArrayEquals(new long[] {0x0102030405060708L, -2, 9}, pair);
        memory.readPairLe(0x2000, pair);
        assertArrayEquals(new long[] {0, 0, 9}, pair);
    }

    @Test
    void shouldChangeNothingWhenAPairLeavesMemory() {
        SparseMemory ram = new SparseMemory(List.of(new Range(0, 0x1008)));
        long[] pair = {9, 9};

        assertBusError(0x1008, () -> ram.writePairLe(0x1000, 1, 2));
        assertBusError(0x1008, () -> ram.readPairLe(0x1000, pair));

        assertEquals(0, ram.readLongLe(0x1000));
        assertArrayEquals(new long[] {9, 9}, pair);
    }

    @Test
    void shouldReadZeroWithoutTakingRoomWhereNothingWasWritten() {
        assertEquals(0, memory.readLongLe(0));
        assertEquals(0, memory.readLongBe(TOP - 8));
        assertEquals(0, memory.readIntLe(0x1234_5678_9ABCL));
        byte[] bytes = {1, 2, 3};
        memory.read(TOP - 3, bytes, 0, 3);

        assertArrayEquals(new byte[3], bytes);
        assertEquals(0, memory.allocatedBytes());
    }

    @Test
    void shouldTakeAPageForAPageWhereverItIs() {
        Random random = new Random(1);
        for (int i = 0; i < 1000; i++) {
            memory.writeLongLe((random.nextLong() >>> 12) & -8L, i);
        }

        assertEquals(1000 * 4096, memory.allocatedBytes());
    }

    @ParameterizedTest
    @ValueSource(longs = {TOP, TOP + 8, 1L << 53, Long.MIN_VALUE, -8})
    void shouldRefuseAddressesOfMoreThan52Bits(long pa) {
        assertBusError(pa, () -> memory.readLongLe(pa));
        assertBusError(pa, () -> memory.writeLongLe(pa, 1));
        assertBusError(pa, () -> memory.write(pa, new byte[1], 0, 1));
        assertFalse(memory.contains(pa, 1));
        assertEquals(0, memory.allocatedBytes());
    }

    @Test
    void shouldRefuseWhatIsNotAligned() {
        assertThrows(IllegalArgumentException.class, () -> memory.readLongLe(4));
        assertThrows(IllegalArgumentException.class, () -> memory.readLongBe(0xFFC));
        assertThrows(IllegalArgumentException.class, () -> memory.readIntLe(2));
        assertThrows(IllegalArgumentException.class, () -> memory.writeLongLe(0xFFF, 1));
        assertThrows(IllegalArgumentException.class, () -> memory.writeIntLe(1, 1));
        assertThrows(IllegalArgumentException.class, () -> memory.readPairLe(8, new long[2]));
        assertThrows(IllegalArgumentException.class, () -> memory.writePairLe(0xFF8, 1, 2));
    }

    @Test
    void shouldRefuseTheVeryLastAddress() {
        assertBusError(-1L, () -> memory.write(-1L, new byte[1], 0, 1));
        assertBusError(-1L, () -> memory.read(-1L, new byte[1], 0, 1));
        assertFalse(memory.contains(-1L, 1));
        assertTrue(memory.contains(-1L, 0));
    }

    @Test
    void shouldBeMemoryOnlyWhereThereIsRam() {
        SparseMemory ram = new SparseMemory(List.of(new Range(0x10_0000, 0x1000), new Range(0, 0x2000)));

        ram.writeLongLe(0x1FF8, 1);
        ram.writeLongLe(0x10_0000, 2);
        assertEquals(1, ram.readLongLe(0x1FF8));
        assertBusError(0x2000, () -> ram.readLongLe(0x2000));
        assertBusError(0xF_FFF8, () -> ram.writeLongLe(0xF_FFF8, 1));
        assertBusError(0x10_1000, () -> ram.readIntLe(0x10_1000));
        assertTrue(ram.contains(0, 0x2000));
        assertFalse(ram.contains(0, 0x2001));
        assertTrue(ram.contains(0x2000, 0));
        assertFalse(ram.contains(0, -1));
        assertFalse(ram.contains(0x1000, Long.MAX_VALUE));
    }

    @Test
    void shouldChangeNothingWhenAWriteLeavesMemory() {
        SparseMemory ram = new SparseMemory(List.of(new Range(0, 0x2000)));

        assertBusError(0x2000, () -> ram.write(0x1FFE, new byte[] {1, 2, 3}, 0, 3));
        assertBusError(0x2000, () -> ram.read(0, new byte[0x3000], 0, 0x3000));

        assertEquals(0, ram.readLongLe(0x1FF8));
        assertEquals(0, ram.allocatedBytes());
    }

    @Test
    void shouldEndAtTheByteWhereRamEnds() {
        SparseMemory ram = new SparseMemory(List.of(new Range(0x800, 0x810), new Range(0x2FF8, 8)));

        ram.writeLongLe(0x1008, 5);
        ram.writeLongLe(0x2FF8, 6);
        ram.write(0x800, new byte[] {7}, 0, 1);

        assertEquals(5, ram.readLongLe(0x1008));
        assertEquals(6, ram.readLongLe(0x2FF8));
        assertBusError(0x1010, () -> ram.readLongLe(0x1010));
        assertBusError(0x7F8, () -> ram.readLongLe(0x7F8));
        assertBusError(0x2FF0, () -> ram.writeLongLe(0x2FF0, 1));
        byte[] all = new byte[0x810];
        ram.read(0x800, all, 0, all.length);
        assertEquals(7, all[0]);
        assertEquals(5, all[0x808]);
    }

    @Test
    void shouldJoinRangesThatTouch() {
        SparseMemory ram = new SparseMemory(List.of(new Range(0x1000, 0x1000), new Range(0, 0x1000)));

        assertTrue(ram.contains(0, 0x2000));
        ram.write(0xFFF, new byte[] {1, 2}, 0, 2);
        assertEquals(0x0100_0000, ram.readIntLe(0xFFC));
    }

    @Test
    void shouldRefuseToGrowBeyondItsLimit() {
        SparseMemory small = new SparseMemory(List.of(), 3 * 4096);

        small.writeLongLe(0, 1);
        small.writeLongLe(1L << 40, 2);
        Executable twoPages = () -> small.write(0xFFFF, new byte[] {1, 2}, 0, 2);
        assertEquals(
                Errno.ENOMEM, assertThrows(BackendException.class, twoPages).errno());
        assertEquals(0, small.readIntLe(0xFFFC), "the page that there was room for");
        assertEquals(
                Errno.ENOMEM,
                assertThrows(BackendException.class, () -> small.writeIntLe(0x20000, 1))
                        .errno());
        small.writeLongLe(8, 3);

        assertEquals(1, small.readLongLe(0));
        assertEquals(3, small.readLongLe(8));
        assertEquals(2, small.readLongLe(1L << 40));
        assertEquals(3 * 4096, small.allocatedBytes());
        assertThrows(IllegalArgumentException.class, () -> new SparseMemory(List.of(), 4095));
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6})
    void shouldAgreeWithAMapOfBytes(long seed) {
        Random random = new Random(seed);
        List<Range> ram = seed % 2 == 0 ? List.of() : List.of(new Range(0, 0x20_0000), new Range(1L << 40, 0x9001));
        SparseMemory tested = new SparseMemory(ram);
        Map<Long, Byte> model = new HashMap<>();
        for (int i = 0; i < 4000; i++) {
            long pa = random.nextInt(3) == 0 ? (1L << 40) + random.nextInt(0x8000) : random.nextInt(0x10_0000);
            switch (random.nextInt(8)) {
                case 0 -> tested.writeLongLe(pa & -8, put(model, pa & -8, random.nextLong(), 8, false));
                case 1 -> tested.writeLongBe(pa & -8, put(model, pa & -8, random.nextLong(), 8, true));
                case 2 -> tested.writeIntLe(pa & -4, (int) put(model, pa & -4, random.nextInt(), 4, false));
                case 3 -> assertEquals(get(model, pa & -8, 8, false), tested.readLongLe(pa & -8));
                case 4 -> assertEquals(get(model, pa & -8, 8, true), tested.readLongBe(pa & -8));
                case 5 -> assertEquals((int) get(model, pa & -4, 4, false), tested.readIntLe(pa & -4));
                case 6 -> {
                    byte[] bytes = new byte[random.nextInt(6000)];
                    random.nextBytes(bytes);
                    int length = Math.min(bytes.length, (int) (0x9001 - (pa & 0x7FFF)));
                    int offset = random.nextInt(bytes.length - length + 1);
                    tested.write(pa, bytes, offset, length);
                    for (int at = 0; at < length; at++) {
                        model.put(pa + at, bytes[offset + at]);
                    }
                }
                default -> {
                    byte[] bytes = new byte[1 + random.nextInt(4096)];
                    tested.read(pa, bytes, 0, bytes.length);
                    for (int at = 0; at < bytes.length; at++) {
                        assertEquals(model.getOrDefault(pa + at, (byte) 0), bytes[at]);
                    }
                }
            }
        }
    }

    @Test
    void shouldLoseNoWriteOfTwoThreadsThatAddPages() throws Exception {
        int pages = 20_000;
        ExecutorService threads = Executors.newFixedThreadPool(2);
        try {
            Future<?> even = threads.submit(() -> fill(pages, 0));
            Future<?> odd = threads.submit(() -> fill(pages, 8));
            even.get();
            odd.get();
        } finally {
            threads.shutdown();
        }

        assertEquals((long) pages << 12, memory.allocatedBytes());
        for (long page = 0; page < pages; page++) {
            assertEquals(page + 1, memory.readLongLe(page << 13));
            assertEquals(page + 1, memory.readLongLe((page << 13) + 8));
        }
    }

    /** Both threads write to each page, so that they race for who adds it. */
    private void fill(int pages, int at) {
        for (long page = 0; page < pages; page++) {
            memory.writeLongLe((page << 13) + at, page + 1);
        }
    }

    private static long put(Map<Long, Byte> model, long pa, long value, int bytes, boolean bigEndian) {
        for (int i = 0; i < bytes; i++) {
            int at = bigEndian ? bytes - 1 - i : i;
            model.put(pa + at, (byte) (value >>> (8 * i)));
        }
        return value;
    }

    private static long get(Map<Long, Byte> model, long pa, int bytes, boolean bigEndian) {
        long value = 0;
        for (int i = 0; i < bytes; i++) {
            int at = bigEndian ? bytes - 1 - i : i;
            value |= (model.getOrDefault(pa + at, (byte) 0) & 0xFFL) << (8 * i);
        }
        return value;
    }

    private static void assertBusError(long pa, Executable access) {
        assertEquals(pa, assertThrows(BusErrorException.class, access).pa());
    }
}
