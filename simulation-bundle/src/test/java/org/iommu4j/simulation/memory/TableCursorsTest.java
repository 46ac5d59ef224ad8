package org.iommu4j.simulation.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.PlatformConfig.Range;
import org.junit.jupiter.api.Test;

final class TableCursorsTest {
    private static final int LEVELS = 4;

    private final SparseMemory memory = new SparseMemory();
    private final TableCursors tables = new TableCursors(memory, LEVELS);

    @Test
    void shouldReadWhatTheMemoryHoldsAtEachLevelInBothByteOrders() {
        for (long pa = 0x1000; pa < 0x4000; pa += 8) {
            memory.writeLongLe(pa, pa * 3);
        }

        for (long pa = 0x1000; pa < 0x4000; pa += 0x808) {
            for (int height = 0; height < LEVELS; height++) {
                assertEquals(pa * 3, tables.readLongLe(height, pa));
                assertEquals(Long.reverseBytes(pa * 3), tables.readLongBe(height, pa));
            }
        }
    }

    @Test
    void shouldSeeWhatIsStoredAfterATableWasRead() {
        memory.writeLongLe(0x1000, 1);
        for (int height = 0; height < LEVELS; height++) {
            assertEquals(1, tables.readLongLe(height, 0x1000));
        }

        tables.memory().writeLongLe(0x1000, 2);

        for (int height = 0; height < LEVELS; height++) {
            assertEquals(2, tables.readLongLe(height, 0x1000));
        }
        assertSame(memory, tables.memory());
    }

    @Test
    void shouldThrowWhereNoMemoryIs() {
        TableCursors none = new TableCursors(new SparseMemory(List.of(new Range(0x10_0000, 0x1000))), LEVELS);

        for (int level = 0; level < LEVELS; level++) {
            int height = level;
            assertEquals(0, none.readLongLe(height, 0x10_0000));
            assertThrows(BusErrorException.class, () -> none.readLongLe(height, 0x10_1000));
            assertThrows(BusErrorException.class, () -> none.readLongBe(height, 0x1000));
        }
    }
}
