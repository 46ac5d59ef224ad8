package org.iommu4j.simulation.ring;

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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

final class CommandRingTest {
    private static final long BASE = 0x10_0000;

    @Test
    void shouldCountInBytesAndLeaveOneEntryUnused() {
        CommandRing ring = new CommandRing(RingStyle.BYTE_OFFSET);
        ring.configure(BASE, 16, 256);

        assertTrue(ring.isEmpty());
        for (int i = 0; i < 255; i++) {
            assertFalse(ring.isFull());
            assertEquals(BASE + i * 16L, ring.tailAddress());
            ring.advanceTail();
        }
        assertTrue(ring.isFull());
        assertEquals(255, ring.used());
        assertEquals(0xFF0, ring.tail());

        ring.advanceHead();
        ring.advanceTail();
        assertEquals(0, ring.tail());
        assertEquals(0x10, ring.head());
        assertEquals(BASE + 16, ring.headAddress());
        assertTrue(ring.isFull());
    }

    @Test
    void shouldFlipTheWrapBitAndUseEveryEntry() {
        CommandRing ring = new CommandRing(RingStyle.WRAP_BIT);
        ring.configure(BASE, 32, 4);

        for (int i = 0; i < 4; i++) {
            assertFalse(ring.isFull());
            ring.advanceTail();
        }
        assertTrue(ring.isFull());
        assertEquals(4, ring.tail());
        assertEquals(BASE, ring.tailAddress());
        for (int i = 0; i < 4; i++) {
            ring.advanceHead();
        }
        assertTrue(ring.isEmpty());
        for (int i = 0; i < 4; i++) {
            ring.advanceTail();
        }
        assertEquals(0, ring.tail());
        assertEquals(4, ring.head());
        assertTrue(ring.isFull());
    }

    @ParameterizedTest
    @CsvSource({
        "BYTE_OFFSET, 0, true", "BYTE_OFFSET, 0x70, true", "BYTE_OFFSET, 0x80, false", "BYTE_OFFSET, 8, false",
        "BYTE_OFFSET, -16, false", "BYTE_OFFSET, 0x100000000, false", "WRAP_BIT, 0, true", "WRAP_BIT, 15, true",
        "WRAP_BIT, 16, false", "WRAP_BIT, -1, false"
    })
    void shouldAcceptOnlyRegistersThatNameAnEntry(RingStyle style, String register, boolean named) {
        CommandRing ring = new CommandRing(style);
        ring.configure(BASE, 16, 8);
        long value = Long.decode(register);

        assertEquals(named, ring.setHead(value));
        assertEquals(named, ring.setTail(value));
        assertEquals(named ? value : 0, ring.head());
        assertEquals(named ? value : 0, ring.tail());
    }

    @Test
    void shouldTellPositionsThatAreMoreThanALapApart() {
        CommandRing ring = new CommandRing(RingStyle.WRAP_BIT);
        ring.configure(BASE, 16, 8);

        assertTrue(ring.setTail(8 + 3));
        assertEquals(11, ring.used());
        assertTrue(ring.isFull());
    }

    @ParameterizedTest
    @CsvSource({"0, 8", "12, 8", "16, 0", "16, 6", "16, 33554432", "-16, 8", "16, -2147483648"})
    void shouldRefuseImpossibleRings(int entryBytes, int entries) {
        CommandRing ring = new CommandRing(RingStyle.BYTE_OFFSET);

        assertThrows(IllegalArgumentException.class, () -> ring.configure(BASE, entryBytes, entries));
    }

    @ParameterizedTest
    @EnumSource(RingStyle.class)
    void shouldComeBackFromASnapshot(RingStyle style) {
        CommandRing ring = new CommandRing(style);
        ring.configure(BASE, 32, 8);
        ring.advanceHead();
        ring.advanceTail();
        ring.advanceTail();
        SnapshotWriter out = new SnapshotWriter(IommuModel.INTEL, Snapshot.Kind.HARDWARE, 1).section("ring");
        ring.save(out);

        CommandRing loaded = new CommandRing(style);
        loaded.load(new SnapshotReader(out.build()).section("ring"));

        assertEquals(ring.headAddress(), loaded.headAddress());
        assertEquals(ring.tailAddress(), loaded.tailAddress());
        assertEquals(ring.tail(), loaded.tail());
        assertEquals(BASE, loaded.base());
        assertEquals(32, loaded.entryBytes());
        assertEquals(8, loaded.entries());
        assertEquals(1, loaded.used());
    }

    @ParameterizedTest
    @CsvSource({
        "-1, 7, 0, 0",
        "31, 7, 0, 0",
        "4, -1, 0, 0",
        "4, 6, 0, 0",
        "4, 7, 8, 0",
        "4, 7, 0, -1",
        "4, 33554431, 0, 0"
    })
    void shouldRefuseASnapshotOfNoRing(int entryShift, int mask, int head, int tail) {
        SnapshotWriter out = new SnapshotWriter(IommuModel.INTEL, Snapshot.Kind.HARDWARE, 1).section("ring");
        out.putLong(BASE).putInt(entryShift).putInt(mask).putInt(head).putInt(tail);
        CommandRing ring = new CommandRing(RingStyle.BYTE_OFFSET);
        SnapshotReader in = new SnapshotReader(out.build()).section("ring");

        BackendException refusal = assertThrows(BackendException.class, () -> ring.load(in));

        assertEquals(Errno.EINVAL, refusal.errno());
        assertEquals(1, ring.entries());
    }
}
