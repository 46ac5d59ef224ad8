package org.iommu4j.simulation.fault;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.PlatformConfig.Range;
import org.iommu4j.simulation.memory.SparseMemory;
import org.iommu4j.simulation.ring.CommandRing;
import org.iommu4j.simulation.ring.RingStyle;
import org.junit.jupiter.api.Test;

final class EventLogTest {
    private final SparseMemory memory = new SparseMemory(List.of(new Range(0, 0x2000)));
    private final CommandRing ring = new CommandRing(RingStyle.WRAP_BIT);
    private final EventLog log = new EventLog(ring, memory);

    @Test
    void shouldWriteAtTheTailUntilThereIsNoRoom() {
        ring.configure(0x1000, 16, 2);

        assertTrue(log.append(new long[] {1, 2}));
        assertTrue(log.append(new long[] {3, 4}));
        assertFalse(log.overflowed());
        assertFalse(log.append(new long[] {5, 6}));
        assertTrue(log.overflowed());

        assertEquals(1, memory.readLongLe(0x1000));
        assertEquals(4, memory.readLongLe(0x1018));
        assertEquals(2, log.ring().tail());
    }

    @Test
    void shouldGoOnOnceSoftwareHasReadAndClearedTheFlag() {
        ring.configure(0x1000, 16, 2);
        log.append(new long[] {1, 2});
        log.append(new long[] {3, 4});
        log.append(new long[] {5, 6});

        ring.advanceHead();
        log.overflowed(false);

        assertTrue(log.append(new long[] {7, 8}));
        assertEquals(7, memory.readLongLe(0x1000));
        assertFalse(log.overflowed());
    }

    @Test
    void shouldLeaveTheTailWhenTheRingIsNotInMemory() {
        ring.configure(0x8000, 16, 2);

        assertThrows(BusErrorException.class, () -> log.append(new long[] {1, 2}));
        assertTrue(ring.isEmpty());
    }

    @Test
    void shouldRefuseEventsThatAreNotAnEntry() {
        ring.configure(0x1000, 32, 2);

        assertThrows(IllegalArgumentException.class, () -> log.append(new long[] {1, 2}));
    }
}
