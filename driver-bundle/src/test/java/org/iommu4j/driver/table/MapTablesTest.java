package org.iommu4j.driver.table;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.InterruptSink;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Mapping;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;
import org.junit.jupiter.api.Test;

/** Tables of a map against a plain map of mappings; the entries are a format of the test's own. */
class MapTablesTest {
    private static final long PAGE = 4096;
    private static final int LEVELS = 4;

    /** Bit 0 present, bit 1 table, bits 3:2 the rights, the address above; and the level, so that each is asked with its own. */
    private static final EntryFormat FORMAT = new EntryFormat() {
        @Override
        public long table(int level, long pa) {
            return pa | ((long) level << 8) | 3;
        }

        @Override
        public long leaf(int level, long pa, int flags) {
            assertEquals(0, pa & ((PAGE << (9 * level)) - 1));
            return pa | ((long) level << 8) | ((long) flags << 2) | 1;
        }

        @Override
        public boolean isPresent(long entry) {
            return (entry & 1) != 0;
        }

        @Override
        public boolean isTable(int level, long entry) {
            assertEquals(level, (entry >>> 8) & 15);
            return (entry & 2) != 0;
        }

        @Override
        public long address(int level, long entry) {
            assertEquals(level, (entry >>> 8) & 15);
            return entry & -PAGE;
        }
    };

    private final CountedPages platform = new CountedPages();
    private MapTables tables = MapTables.create(platform, FORMAT, LEVELS);
    private final TreeMap<Long, Mapping> model = new TreeMap<>();

    /** A machine that counts the pages of the host, of which there are 2048. */
    private static final class CountedPages implements Platform {
        private final Platform machine = new SimulatedPlatform(
                new PlatformConfig(48, List.of(), (address, data) -> {}, DevicePort.COMPLETING),
                System::nanoTime,
                2048 * PAGE);
        private int pages;

        @Override
        public PhysicalMemory memory() {
            return machine.memory();
        }

        @Override
        public InterruptSink interrupts() {
            return machine.interrupts();
        }

        @Override
        public DevicePort devices() {
            return machine.devices();
        }

        @Override
        public long nanoTime() {
            return machine.nanoTime();
        }

        @Override
        public int hostAddressWidth() {
            return machine.hostAddressWidth();
        }

        @Override
        public long allocatePages(int count) {
            long pa = machine.allocatePages(count);
            pages += count;
            return pa;
        }

        @Override
        public void freePages(long pa, int count) {
            machine.freePages(pa, count);
            pages -= count;
        }
    }

    private long expected(long iova) {
        var below = model.floorEntry(iova);
        return below != null && below.getValue().contains(iova)
                ? below.getValue().pa() + (iova - below.getKey())
                : MapTables.NONE;
    }

    private boolean isFree(Mapping mapping) {
        var at = model.floorEntry(mapping.last());
        return at == null || at.getValue().last() < mapping.iova();
    }

    @Test
    void shouldLeadWhereTheMappingsSay() {
        SplittableRandom random = new SplittableRandom(7);
        for (int step = 0; step < 300; step++) {
            int alignment = 12 + 9 * random.nextInt(3);
            long iova = ((random.nextLong(1L << 33) >>> alignment) << alignment) + (random.nextInt(4) == 0 ? PAGE : 0);
            long pa = ((random.nextLong(1L << 33) >>> alignment) << alignment) + (iova & PAGE);
            long size = ((1 + random.nextLong(100)) * PAGE) << (random.nextInt(3) == 0 ? 9 : 0);
            Mapping mapping = new Mapping(iova, pa, size, 1 + random.nextInt(3));
            if (random.nextInt(3) != 0 && isFree(mapping)) {
                tables.map(mapping);
                model.put(iova, mapping);
            } else if (!model.isEmpty()) {
                Mapping gone =
                        model.ceilingEntry(random.nextLong(model.lastKey() + 1)).getValue();
                tables.unmap(gone.iova(), gone.last());
                model.remove(gone.iova());
                if (random.nextBoolean()) {
                    tables.release();
                }
            }
            if (step % 60 == 0) {
                tables = restored();
            }
            for (int i = 0; i < 20; i++) {
                long at = random.nextLong(1L << 35);
                assertEquals(expected(at), tables.find(at));
            }
            for (Mapping each : model.values()) {
                assertEquals(each.pa(), tables.find(each.iova()));
                assertEquals(each.pa() + each.size() - 1, tables.find(each.last()));
            }
        }
        tables.free();
        assertEquals(0, platform.pages);
    }

    private MapTables restored() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.INTEL, Snapshot.Kind.TRANSLATOR, 1);
        tables.save(out.section("memory"));
        SnapshotReader in = new SnapshotReader(out.build());
        return MapTables.load(platform, FORMAT, LEVELS, in.section("memory"));
    }

    @Test
    void shouldUseTheLargestLeavesThatFit() {
        tables.map(new Mapping(1L << 30, 2L << 30, 4L << 30, 3));
        assertEquals(2, platform.pages);
        tables.unmap(1L << 30, (5L << 30) - 1);
        tables.map(new Mapping((1L << 30) - (1 << 21), (2L << 30) - (1 << 21), (1L << 30) + (1 << 22), 3));
        assertEquals((2L << 30) + 5, tables.find((1L << 30) + 5));
    }

    @Test
    void shouldKeepThePagesOfUnlinkedTablesUntilTheyAreReleased() {
        tables.map(new Mapping(0x1000, 0x5000, PAGE, 1));
        assertEquals(4, platform.pages);
        assertTrue(tables.unmap(0, 0xffff));
        assertEquals(4, platform.pages);
        tables.release();
        assertEquals(1, platform.pages);
    }

    @Test
    void shouldHaveChangedNothingWhenPagesRunOut() {
        tables.map(new Mapping(0x1000, 0x5000, PAGE, 1));
        int pages = platform.pages;
        Mapping vast = new Mapping(1L << 40, 0x1000, 1L << 46, 3);
        assertThrows(BackendException.class, () -> tables.map(vast));
        assertEquals(MapTables.NONE, tables.find(1L << 40));
        assertEquals(0x5000, tables.find(0x1000));
        tables.release();
        assertEquals(pages, platform.pages);
    }

    @Test
    void shouldRefuseWhatOverlapsAndChangeNothing() {
        tables.map(new Mapping(1 << 21, 2 << 21, 1 << 21, 3));
        tables.map(new Mapping(0x1000, 0x5000, PAGE, 1));
        int pages = platform.pages;
        for (long iova : new long[] {0, 0x1000, (1 << 21) - PAGE, 1 << 21, (2 << 21) - PAGE}) {
            Mapping overlap = new Mapping(iova, 0x8000, 2 * PAGE, 3);
            assertEquals(
                    Errno.EEXIST,
                    assertThrows(BackendException.class, () -> tables.map(overlap))
                            .errno());
        }
        assertEquals(MapTables.NONE, tables.find(0));
        assertEquals(MapTables.NONE, tables.find((1 << 21) - PAGE));
        assertEquals(MapTables.NONE, tables.find(2 << 21));
        assertEquals(0x5000, tables.find(0x1000));
        assertEquals(2 << 21, tables.find(1 << 21));
        assertEquals(pages, platform.pages);
    }
}
