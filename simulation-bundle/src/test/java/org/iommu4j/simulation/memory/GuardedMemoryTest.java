package org.iommu4j.simulation.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.function.Consumer;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.PageOwner;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.junit.jupiter.api.Test;

/** Pages of the host are no memory for guests, from when somebody takes them until they are given back. */
class GuardedMemoryTest {
    private static final long BASE = 1L << 47;
    private static final int PAGE = 4096;

    private final Platform machine =
            new SimulatedPlatform(new PlatformConfig(48, List.of(), (address, data) -> {}, DevicePort.COMPLETING));
    private final Platform host = machine.forOwner(PageOwner.HOST);
    private final Platform decoder = machine.forOwner(PageOwner.VIRTUAL_IOMMU);

    @Test
    void shouldKeepEveryWayIntoAPageOfTheHostFromGuests() {
        long page = host.allocatePages(1);
        List<Consumer<PhysicalMemory>> ways = List.of(
                memory -> memory.readLongLe(page),
                memory -> memory.readLongBe(page),
                memory -> memory.readIntLe(page),
                memory -> memory.readPairLe(page, new long[2]),
                memory -> memory.read(page - 1, new byte[2], 0, 2),
                memory -> memory.writeLongLe(page, 1),
                memory -> memory.writeLongBe(page, 1),
                memory -> memory.writeIntLe(page, 1),
                memory -> memory.writePairLe(page, 1, 1),
                memory -> memory.write(page + PAGE - 1, new byte[2], 0, 2));

        for (Consumer<PhysicalMemory> way : ways) {
            for (PhysicalMemory guests : List.of(machine.guestTables(), machine.deviceMemory(), decoder.memory())) {
                assertThrows(BusErrorException.class, () -> way.accept(guests));
            }
            assertEquals(0, machine.memory().readLongLe(page), "nothing was written");
        }
        ways.forEach(way -> way.accept(host.memory()));
        ways.forEach(way -> way.accept(machine.memory()));
    }

    @Test
    void shouldLetAChipWalkWhatAVirtualIommuKeeps() {
        long page = decoder.allocatePages(1);

        assertTrue(machine.guestTables().contains(page, PAGE));
        assertFalse(machine.deviceMemory().contains(page, 1));
        assertFalse(machine.deviceMemory().contains(page - PAGE, 2 * PAGE));
        assertTrue(machine.deviceMemory().contains(page - PAGE, PAGE));
    }

    @Test
    void shouldKeepNothingOfAClientFromAnybody() {
        assertTrue(machine.deviceMemory().contains(machine.allocatePages(1), PAGE));
    }

    @Test
    void shouldGiveMemoryBackToGuestsWithThePages() {
        long pages = host.allocatePages(3);
        host.freePages(pages + PAGE, 1);

        assertFalse(machine.deviceMemory().contains(pages, 1));
        assertTrue(machine.deviceMemory().contains(pages + PAGE, PAGE));
        assertFalse(machine.deviceMemory().contains(pages + PAGE, PAGE + 1));
    }

    @Test
    void shouldNameTheFirstByteThatIsNoMemory() {
        long page = host.allocatePages(1);
        PhysicalMemory guests = machine.guestTables();

        BusErrorException thrown =
                assertThrows(BusErrorException.class, () -> guests.read(page - 10, new byte[20], 0, 20));
        assertEquals(page, thrown.pa());
    }

    @Test
    void shouldRefuseWhatIsNoAddress() {
        host.allocatePages(1);

        for (long pa : new long[] {-1, Long.MIN_VALUE, Long.MAX_VALUE, 1L << 52}) {
            assertFalse(machine.deviceMemory().contains(pa, 1));
        }
        assertTrue(machine.deviceMemory().contains(0, 0));
    }

    @Test
    void shouldForgetAPageThatACursorHasFoundWhenItBecomesTheHosts() {
        machine.memory().writeLongBe(BASE, 7);
        PageCursor cursor = new PageCursor(machine.guestTables());
        assertEquals(7, cursor.readLongBe(BASE));

        assertEquals(BASE, host.allocatePages(1));

        assertThrows(BusErrorException.class, () -> cursor.readLongBe(BASE));
        assertThrows(BusErrorException.class, () -> cursor.writeLongBe(BASE + 8, 1));
        assertThrows(BusErrorException.class, () -> cursor.readPairLe(BASE, new long[2]));
        assertThrows(BusErrorException.class, () -> cursor.writePairLe(BASE, 1, 1));
        host.freePages(BASE, 1);
        assertEquals(0, cursor.readLongBe(BASE));
        cursor.writeLongBe(BASE, 8);
        assertEquals(8, machine.memory().readLongBe(BASE));
    }
}
