package org.iommu4j.simulation.fault;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;
import org.junit.jupiter.api.Test;

final class FaultSlotsTest {
    private final FaultSlots slots = new FaultSlots(2);

    @Test
    void shouldFillSlotsInTurnAndOverflowWhenTheTurnsSlotIsTaken() {
        assertEquals(-1, slots.firstPending());
        assertEquals(0, slots.record(1, 2, 100));
        assertEquals(1, slots.record(3, 4, 100));
        assertFalse(slots.overflowed());
        assertEquals(-1, slots.record(5, 6, 100));
        assertTrue(slots.overflowed());

        assertEquals(0, slots.firstPending());
        assertEquals(1, slots.low(0));
        assertEquals(4, slots.high(1));
    }

    @Test
    void shouldGoOnWhereItStoppedOnceSoftwareClearsASlot() {
        slots.record(1, 2, 0);
        slots.record(3, 4, 0);
        slots.clear(1);

        assertEquals(-1, slots.record(5, 6, 0), "slot 0 is next and taken");
        slots.clearOverflow();
        slots.clear(0);
        assertEquals(0, slots.record(5, 6, 0));
        assertFalse(slots.overflowed());
        assertEquals(1, slots.next());
        assertEquals(5, slots.low(0));
    }

    @Test
    void shouldShowTheOldestPendingRecordFirst() {
        slots.record(1, 0, 0);
        slots.record(2, 0, 0);
        slots.clear(0);
        slots.record(3, 0, 0);

        assertEquals(1, slots.firstPending());
        assertTrue(slots.pending(0));
    }

    @Test
    void shouldCollapseOnlyWhenSwitchedOn() {
        slots.collapsing(true);
        assertEquals(0, slots.record(1, 0, 0x310));
        assertEquals(-1, slots.record(2, 0, 0x310));
        assertFalse(slots.overflowed());
        assertEquals(1, slots.record(3, 0, 0x311));
        slots.clear(0);
        assertEquals(0, slots.record(4, 0, 0x310));

        slots.collapsing(false);
        slots.clear(1);
        assertEquals(1, slots.record(5, 0, 0x310));
    }

    @Test
    void shouldForgetAllOnReset() {
        slots.record(1, 2, 3);
        slots.record(1, 2, 3);
        slots.record(1, 2, 3);
        slots.reset();

        assertEquals(-1, slots.firstPending());
        assertEquals(0, slots.low(0));
        assertEquals(0, slots.next());
        assertFalse(slots.overflowed());
    }

    @Test
    void shouldComeBackFromASnapshotEvenIntoMoreSlots() {
        slots.collapsing(true);
        slots.record(1, 2, 3);
        FaultSlots loaded = new FaultSlots(3);
        loaded.load(saved(slots));

        assertEquals(0, loaded.firstPending());
        assertEquals(1, loaded.next());
        assertEquals(-1, loaded.record(9, 9, 3), "collapsed");
        assertEquals(2, loaded.high(0));
    }

    @Test
    void shouldRefuseASnapshotOfMoreSlots() {
        SnapshotReader in = saved(new FaultSlots(3));

        assertEquals(
                Errno.EINVAL,
                assertThrows(BackendException.class, () -> slots.load(in)).errno());
    }

    @Test
    void shouldRefuseToHaveNoSlots() {
        assertThrows(IllegalArgumentException.class, () -> new FaultSlots(0));
    }

    private static SnapshotReader saved(FaultSlots from) {
        SnapshotWriter out = new SnapshotWriter(IommuModel.INTEL, Snapshot.Kind.HARDWARE, 1).section("faults");
        from.save(out);
        return new SnapshotReader(out.build()).section("faults");
    }
}
