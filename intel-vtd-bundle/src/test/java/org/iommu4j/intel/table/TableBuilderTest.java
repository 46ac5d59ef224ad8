package org.iommu4j.intel.table;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.junit.jupiter.api.Test;

class TableBuilderTest {
    private final SimulatedPlatform platform =
            new SimulatedPlatform(new PlatformConfig(39, List.of(), (address, data) -> {}, DevicePort.COMPLETING));
    private final TableBuilder tables = new TableBuilder(platform);

    @Test
    void shouldWriteRootAndContextEntriesBitForBit() {
        long root = tables.newTable();
        tables.setContext(root, 0x0310, TableBuilder.context0(1, 0x5000), TableBuilder.context1(2, 0x12));
        long context = platform.memory().readLongLe(root + 0x30);
        assertEquals(1, context & 0xfff);
        assertEquals(0, platform.memory().readLongLe(root + 0x38));
        assertEquals(0x5005, platform.memory().readLongLe((context & ~1L) + 0x100));
        assertEquals(0x1202, platform.memory().readLongLe((context & ~1L) + 0x108));
        tables.setContext(root, 0x0311, 0, 0);
        assertEquals(context, platform.memory().readLongLe(root + 0x30), "the bus has its table already");
    }

    @Test
    void shouldWriteLeavesOfEverySize() {
        long table = tables.newTable();
        long leaf = tables.map(table, 3, 0x1000, 0x5000, 1, 3);
        assertEquals(0x5003, platform.memory().readLongLe(leaf));
        assertEquals(0x40000081L, platform.memory().readLongLe(tables.map(table, 3, 0x20_0000, 0x4000_0000L, 2, 1)));
        assertEquals(0x40000082L, platform.memory().readLongLe(tables.map(table, 3, 1L << 30, 0x4000_0000L, 3, 2)));
    }

    @Test
    void shouldUnmapWhatIsMappedOnce() {
        long table = tables.newTable();
        tables.map(table, 4, 0x1000, 0x5000, 1, 3);
        tables.map(table, 4, 0x4000_0000L, 0x4000_0000L, 3, 3);
        assertTrue(tables.unmap(table, 4, 0x1000));
        assertFalse(tables.unmap(table, 4, 0x1000));
        assertTrue(tables.unmap(table, 4, 0x5000_0000L));
        assertFalse(tables.unmap(table, 4, 0x5000_0000L));
        assertFalse(tables.unmap(table, 4, 1L << 40));
    }

    @Test
    void shouldGiveBackEveryTable() {
        long first = platform.allocatePages(1);
        platform.freePages(first, 1);
        long table = tables.newTable();
        for (int i = 0; i < 10; i++) {
            tables.map(table, 4, (long) i << 30, 0x5000, 1, 3);
        }
        tables.free(table, 4);
        assertEquals(first, platform.allocatePages(14), "all pages are free again");
    }

    @Test
    void shouldChooseWidths() {
        assertEquals(2, Agaw.widest(0x6, 48));
        assertEquals(1, Agaw.widest(0x6, 39));
        assertEquals(1, Agaw.widest(0x2, 36), "a wider table than needed, if there is no other");
        assertEquals(3, Agaw.widest(0xe, 57));
        assertEquals(-1, Agaw.widest(0, 48));
        for (int aw = 0; aw <= 3; aw++) {
            assertEquals(aw, Agaw.ofLevels(Agaw.levels(aw)));
            assertEquals(Agaw.width(aw), Agaw.shift(Agaw.levels(aw) + 1));
        }
        for (int level = 1; level <= 5; level++) {
            assertEquals(level, Agaw.levelOf(Agaw.shift(level)));
        }
        assertEquals(0x1ff, Agaw.index(0x3ff000, 1));
        assertEquals(1, Agaw.index(0x3ff000, 2));
    }
}
