package org.iommu4j.simulation.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.PlatformConfig.Range;
import org.iommu4j.contract.Errno;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class HostPagesTest {
    private final SparseMemory memory = new SparseMemory(List.of(new Range(0, 0x10_0000)), 100 * 4096);
    private final HostPages pages = new HostPages(memory, 39);

    @Test
    void shouldLieInTheUpperHalfOfTheAddressSpace() {
        assertEquals(1L << 38, pages.base());
        assertEquals(1L << 38, pages.allocate(1));
        assertEquals((1L << 38) + 4096, pages.allocate(2));
        assertEquals(3, pages.allocated());
    }

    @Test
    void shouldLieAboveAllGuestMemory() {
        SparseMemory large = new SparseMemory(List.of(new Range(0, (1L << 38) + 0x1001)));

        assertEquals((1L << 38) + 0x2000, new HostPages(large, 39).allocate(1));
    }

    @Test
    void shouldHaveNothingWhenTheGuestHasItAll() {
        HostPages none = new HostPages(new SparseMemory(List.of(new Range(0, 1L << 39))), 39);

        assertErrno(Errno.ENOMEM, () -> none.allocate(1));
    }

    @Test
    void shouldBeMemoryOnceHandedOut() {
        assertFalse(memory.contains(1L << 38, 1));

        long pa = pages.allocate(2);
        memory.writeLongLe(pa + 8184, 5);

        assertTrue(memory.contains(pa, 8192));
        assertFalse(memory.contains(pa, 8193));
        assertEquals(5, memory.readLongLe(pa + 8184));
    }

    @Test
    void shouldHandOutZeroedPagesEvenIfTheyWereWrittenBefore() {
        SparseMemory everywhere = new SparseMemory();
        HostPages shared = new HostPages(everywhere, 48);
        everywhere.writeLongLe(shared.base(), 1);

        long pa = shared.allocate(1);
        assertEquals(0, everywhere.readLongLe(pa));
        everywhere.writeLongLe(pa, 2);
        shared.free(pa, 1);
        assertEquals(0, everywhere.readLongLe(pa), "given back");
        assertEquals(pa, shared.allocate(1));
    }

    @Test
    void shouldRefuseWhatIsNotItsToTakeBack() {
        long pa = pages.allocate(3);

        assertErrno(Errno.EINVAL, () -> pages.free(pa, 4));
        assertErrno(Errno.EINVAL, () -> pages.free(pa, 0));
        assertErrno(Errno.EINVAL, () -> pages.free(pa, -1));
        assertErrno(Errno.EINVAL, () -> pages.free(pa + 8, 1));
        assertErrno(Errno.EINVAL, () -> pages.free(pa - 4096, 1));
        assertErrno(Errno.EINVAL, () -> pages.free(0, 1));
        assertErrno(Errno.EINVAL, () -> pages.free(Long.MIN_VALUE, 1));
        assertErrno(Errno.EINVAL, () -> pages.free(pa, Integer.MAX_VALUE));
        pages.free(pa + 4096, 1);
        assertErrno(Errno.EINVAL, () -> pages.free(pa + 4096, 1));
        assertErrno(Errno.EINVAL, () -> pages.free(pa, 3));
        assertEquals(2, pages.allocated());
    }

    @ParameterizedTest
    @ValueSource(ints = {0, -1, Integer.MIN_VALUE})
    void shouldRefuseToAllocateNothing(int count) {
        assertErrno(Errno.EINVAL, () -> pages.allocate(count));
    }

    @Test
    void shouldSayWhenItsShareIsUsedUp() {
        assertErrno(Errno.ENOMEM, () -> pages.allocate(101));
        assertErrno(Errno.ENOMEM, () -> pages.allocate(Integer.MAX_VALUE));
        long pa = pages.allocate(100);
        assertErrno(Errno.ENOMEM, () -> pages.allocate(1));
        pages.free(pa + 50 * 4096L, 1);
        assertErrno(Errno.ENOMEM, () -> pages.allocate(2));
        assertEquals(pa + 50 * 4096L, pages.allocate(1));
    }

    @ParameterizedTest
    @ValueSource(ints = {31, 53})
    void shouldRefuseAddressWidthsThatNoHostHas(int width) {
        assertThrows(IllegalArgumentException.class, () -> new HostPages(memory, width));
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void shouldNeverHandOutAPageTwice(long seed) {
        Random random = new Random(seed);
        Map<Long, Integer> blocks = new HashMap<>();
        for (int i = 0; i < 3000; i++) {
            int count = 1 + random.nextInt(8);
            if (random.nextInt(5) < 3) {
                try {
                    long pa = pages.allocate(count);
                    blocks.forEach((base, size) ->
                            assertTrue(pa + count * 4096L <= base || pa >= base + size * 4096L, "overlap"));
                    blocks.put(pa, count);
                } catch (BackendException e) {
                    assertEquals(Errno.ENOMEM, e.errno());
                }
            } else if (!blocks.isEmpty()) {
                long pa = blocks.keySet().iterator().next();
                pages.free(pa, blocks.remove(pa));
            }
            assertEquals(blocks.values().stream().mapToInt(size -> size).sum(), pages.allocated());
        }
    }

    private static void assertErrno(Errno errno, Executable call) {
        assertEquals(errno, assertThrows(BackendException.class, call).errno());
    }
}
