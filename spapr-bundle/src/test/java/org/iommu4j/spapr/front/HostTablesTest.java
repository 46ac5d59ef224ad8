package org.iommu4j.spapr.front;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.contract.Errno;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.iommu4j.spapr.table.TableWalker;
import org.iommu4j.spapr.table.TceTable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HostTablesTest {
    private final SimulatedPlatform machine =
            new SimulatedPlatform(new PlatformConfig(52, List.of(), (address, data) -> {}, DevicePort.COMPLETING));
    private final HostTables tables = new HostTables(machine);

    @ParameterizedTest
    @CsvSource({
        "30, 12, 5, 1",
        "35, 16, 5, 1",
        "32, 12, 1, 1",
        "33, 12, 5, 2",
        "53, 16, 5, 2",
        "53, 12, 5, 3",
        "33, 12, 1, 1"
    })
    void shouldTakeMoreLevelsForALargerWindow(int windowShift, int pageShift, int maxLevels, int levels) {
        assertEquals(levels, HostTables.levels(windowShift, pageShift, maxLevels));
    }

    @Test
    void shouldAddLevelsWithTheirEntriesAndGiveThemAllBack() {
        TceTable table = tables.allocate(53, 12, 3);
        TableWalker walker = new TableWalker(machine.memory());
        long last = (1L << 53) - 4096;

        assertTrue(walker.walk(table, 0, null) != TableWalker.OK);
        tables.extend(table, 0);
        tables.extend(table, last);

        assertEquals(TableWalker.OK, walker.walk(table, 0, null));
        assertEquals(0, walker.tce());
        assertEquals(TableWalker.OK, walker.walk(table, last, null));
        assertTrue(walker.walk(table, 1L << 52, null) != TableWalker.OK);
        HostTables successor = new HostTables(machine);
        successor.restored(table);
        assertTrue(successor.overlap(table.root(), 1));
        long free = machine.allocatePages(1);
        machine.freePages(free, 1);
        assertTrue(successor.overlap(free - 1, 1));
        successor.free(table);
        assertEquals(table.root(), machine.allocatePages(1));
        assertFalse(successor.overlap(0, 1L << 52));
    }

    @Test
    void shouldSayWhenThereIsNoRoomForOneLevel() {
        BackendException e = assertThrows(BackendException.class, () -> tables.allocate(59, 12, 1));

        assertEquals(Errno.ENOMEM, e.errno());
    }
}
