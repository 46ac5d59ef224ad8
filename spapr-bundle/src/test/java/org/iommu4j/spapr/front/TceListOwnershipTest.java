package org.iommu4j.spapr.front;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.PlatformConfig.Range;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.iommu4j.spapr.table.DmaWindow;
import org.iommu4j.spapr.table.TceTable;
import org.junit.jupiter.api.Test;

/** Lists of H_PUT_TCE_INDIRECT in a partition whose memory is in two places, with a hole between them. */
class TceListOwnershipTest {
    private static final int INDIRECT = 0x13c;
    private static final int LIOBN = 0x8000_0000;
    private static final long SUCCESS = 0;
    private static final long PARAMETER = -4;
    private static final long LIST = 0x5000;
    private static final long TABLE = 0x1_0000;
    private static final long LOW = 0xf_f000;
    private static final long HOLE = 0x4000_0000;
    private static final long HIGH = 0x8000_0000L;

    private final SimulatedPlatform machine = new SimulatedPlatform(new PlatformConfig(
            52,
            List.of(new Range(0, LOW + 0x1000), new Range(HIGH, 0x10_0000)),
            (address, data) -> {},
            DevicePort.COMPLETING));
    private final PhysicalMemory memory = machine.memory();
    private final DmaWindows windows = new DmaWindows(1);
    private final HostTables tables = new HostTables(machine);
    private final TceCalls calls =
            new TceCalls(machine, windows, tables, true, false, (function, window, iova, count) -> 0);
    private final NativeCall call = new NativeCall();

    private long put(long... entries) {
        if (windows.of(LIOBN) == null) {
            windows.add(new DmaWindow(LIOBN, 0, 0, 24, new TceTable(TABLE, 12, 1, 12, 1 << 12), true, false));
        }
        for (int i = 0; i < entries.length; i++) {
            memory.writeLongBe(LIST + 8L * i, entries[i]);
        }
        calls.call(call.begin(INDIRECT)
                .word(0, Integer.toUnsignedLong(LIOBN))
                .word(1, 0)
                .word(2, LIST)
                .word(3, entries.length));
        return call.result();
    }

    @Test
    void shouldTakePagesOnBothSidesOfAHole() {
        assertEquals(SUCCESS, put(LOW | 3, HIGH | 1, 0x2));

        assertEquals(LOW | 3, memory.readLongBe(TABLE));
        assertEquals(HIGH | 1, memory.readLongBe(TABLE + 8));
        assertEquals(2, memory.readLongBe(TABLE + 16));
    }

    @Test
    void shouldRefuseAListWithAPageInTheHole() {
        assertEquals(PARAMETER, put(LOW | 3, HOLE | 3, HIGH | 3));
        assertEquals(PARAMETER, put(HIGH | 3, LOW + 0x1000 | 3));
        assertEquals(PARAMETER, put(HIGH - 0x1000 | 2, LOW | 3));

        assertEquals(0, memory.readLongBe(TABLE));
    }

    @Test
    void shouldRefuseAListWhoseLastPageLeavesTheMemory() {
        assertEquals(SUCCESS, put(HIGH + 0xf_f000 | 3));
        assertEquals(PARAMETER, put(HIGH | 3, HIGH + 0x10_0000 | 3));
        assertEquals(PARAMETER, put(HIGH | 3, 1L << 52 | 3));
        assertEquals(PARAMETER, put(HIGH | 3, 1L << 63 | 3));
    }

    @Test
    void shouldRefusePagesOfTheTables() {
        TceTable table = tables.allocate(24, 12, 1);

        assertEquals(PARAMETER, put(LOW | 3, table.root() | 3));
        assertEquals(PARAMETER, put(table.root() + table.levelBytes() - 0x1000 | 1));
        tables.free(table);
        assertEquals(SUCCESS, put(table.root() | 1));
    }

    @Test
    void shouldReadNoListInPagesOfTheTables() {
        put(LOW | 3);
        long page = tables.allocate(21, 12, 1).root();
        call.begin(INDIRECT)
                .word(0, Integer.toUnsignedLong(LIOBN))
                .word(1, 0)
                .word(2, page)
                .word(3, 1);

        calls.call(call);

        assertEquals(PARAMETER, call.result());
        assertEquals(LOW | 3, memory.readLongBe(TABLE));
    }

    @Test
    void shouldRefuseReservedBitsOfOneEntryOnly() {
        assertEquals(PARAMETER, put(3, 0x1003, 0x2007));

        assertEquals(0, memory.readLongBe(TABLE));
    }

    @Test
    void shouldNotLookAtPagesOfEntriesThatAllowNothing() {
        assertEquals(SUCCESS, put(HOLE, 1L << 63, 0xffc, LOW | 3));

        assertEquals(HOLE, memory.readLongBe(TABLE));
        assertEquals(1L << 63, memory.readLongBe(TABLE + 8));
        assertEquals(0xffc, memory.readLongBe(TABLE + 16));
    }
}
