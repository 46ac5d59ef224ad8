package org.iommu4j.intel.table;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.simulation.memory.SparseMemory;
import org.iommu4j.testing.Property;
import org.junit.jupiter.api.Test;

/** The walker against {@link PlainWalker} on random tables, many of them wrong, looping or outside memory. */
class TableWalkerPropertyTest {
    private static final int TABLES = 6;
    private static final long MEMORY_END = 0x10_0000;

    @Test
    void shouldAgreeWithAPlainWalkerOnRandomTables() {
        Property.check(3000, TableWalkerPropertyTest::run);
    }

    private static void run(SplittableRandom random) {
        int hostBits = random.nextInt(32, 53);
        int sps = random.nextInt(4);
        boolean snoop = random.nextBoolean();
        boolean deviceTlb = random.nextBoolean();
        SparseMemory memory = new SparseMemory(List.of(new PlatformConfig.Range(0, MEMORY_END)));
        Map<Long, Long> plainMemory = new HashMap<>();
        long[] iovas = new long[4];
        for (int i = 0; i < iovas.length; i++) {
            iovas[i] = random.nextLong() >>> 7;
        }
        // Entries only where the walks of these addresses may come by.
        for (int table = 1; table <= TABLES; table++) {
            for (long iova : iovas) {
                for (int level = 1; level <= 5; level++) {
                    long at = table * 4096L + Agaw.index(iova, level) * 8L;
                    long entry = entry(random, hostBits);
                    memory.writeLongLe(at, entry);
                    plainMemory.put(at, entry);
                }
            }
        }
        TableWalker walker =
                new TableWalker(new WalkerConfig(hostBits, 57, 0xf, sps, 16, snoop, deviceTlb, true), memory, memory);
        PlainWalker plain = new PlainWalker(plainMemory, MEMORY_END, hostBits, sps, snoop);
        for (long iova : iovas) {
            for (int levels = 2; levels <= 5; levels++) {
                for (int rights = 1; rights <= 3; rights++) {
                    long table = random.nextInt(8) == 0 ? MEMORY_END : (1 + random.nextInt(TABLES)) * 4096L;
                    long within = iova & (1L << Agaw.width(Agaw.ofLevels(levels))) - 1;
                    int fault =
                            walker.walk(table, table, levels, DmaAccess.READ | DmaAccess.WRITE, within, rights, null);
                    PlainWalker.Result expected =
                            plain.walk(table, levels, within, (rights & 1) != 0, (rights & 2) != 0);
                    assertEquals(expected.fault(), fault);
                    if (fault == TableWalker.OK) {
                        assertEquals(expected.page(), walker.pageAddress());
                        assertEquals(expected.bytes(), 1L << Agaw.shift(walker.level()));
                        assertEquals(expected.rights(), walker.rights());
                    }
                    assertResumesAtEveryLevel(walker, table, within, rights, fault);
                }
            }
        }
    }

    /** A walk that enters at a table which the first walk found must come to the same. */
    private static void assertResumesAtEveryLevel(TableWalker walker, long root, long iova, int rights, int fault) {
        int end = walker.level();
        int granted = walker.rights();
        long page = walker.pageAddress();
        int top = walker.topLevel();
        long[] tables = new long[6];
        int[] rightsAt = new int[6];
        for (int level = end + 1; level <= top; level++) {
            tables[level] = walker.nextTable(level);
            rightsAt[level] = walker.rightsAt(level);
        }
        for (int level = end + 1; level <= top; level++) {
            assertEquals(fault, walker.walk(root, tables[level], level - 1, rightsAt[level], iova, rights, null));
            assertEquals(end, walker.level());
            if (fault == TableWalker.OK) {
                assertEquals(granted, walker.rights());
                assertEquals(page, walker.pageAddress());
            }
        }
    }

    private static long entry(SplittableRandom random, int hostBits) {
        int permissions = random.nextInt(10) < 7 ? 3 : random.nextInt(4);
        long table = (random.nextInt(20) == 0 ? MEMORY_END : (1 + random.nextInt(TABLES)) * 4096L) | permissions;
        return switch (random.nextInt(10)) {
            case 0 -> table | 0x80;
            case 1 -> (random.nextLong() & (1L << hostBits) - 1 & 0xf_ffff_c000_0000L) | 0x80 | permissions;
            case 2 -> table | 1L << random.nextInt(64);
            case 3 -> table | (0xbff0_0000_0000_077cL & random.nextLong());
            case 4 -> 0xfee0_0000L | permissions;
            default -> table;
        };
    }
}
