package org.iommu4j.intel.hardware;

import static org.iommu4j.intel.hardware.VtdUnit.DEVICE;
import static org.iommu4j.intel.hardware.VtdUnit.DOMAIN;
import static org.iommu4j.intel.hardware.VtdUnit.READ;
import static org.iommu4j.intel.hardware.VtdUnit.recipe;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.SplittableRandom;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.intel.command.FaultReason;
import org.iommu4j.intel.table.TableBuilder;
import org.iommu4j.testing.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * After a table edit and the invalidation that the architecture asks for, a unit with caches answers as a unit
 * without caches answers.
 */
class CoherencePropertyTest {
    private static final int LEVELS = 3;
    private static final long BASE = 0x4000_0000L;
    private static final int REGION_PAGES = 2048;

    @ParameterizedTest
    @EnumSource(CacheConfig.class)
    void shouldAnswerAsWithoutCachesWhenEditsAreInvalidated(CacheConfig cache) {
        Property.check(25, random -> run(cache, 0, random));
        Property.check(25, random -> run(cache, 1, random));
    }

    @Test
    void shouldKeepAnsweringTheOldWayUntilTheInvalidationWhenEverythingIsKept() {
        VtdUnit unit = recipe().cache(CacheConfig.WORST_CASE).make();
        long table = unit.attach(DEVICE, DOMAIN, 1);
        unit.tables.map(table, LEVELS, BASE, 0x5000, 1, READ);
        unit.translating().queueing(0);
        unit.assertTranslates(DEVICE, BASE, READ, 0x5000);
        unit.tables.unmap(table, LEVELS, BASE);
        unit.assertTranslates(DEVICE, BASE, READ, 0x5000);
        unit.submit(0x1300e2L, 0);
        unit.assertTranslates(DEVICE, BASE, READ, 0x5000);
        unit.submit(0x1200e2L, 0);
        unit.assertFaults(DEVICE, BASE, READ, FaultReason.READ_DENIED);
    }

    private static void run(CacheConfig cache, int cachingMode, SplittableRandom random) {
        VtdUnit unit = recipe().cache(cache).cap("CM", cachingMode).make();
        long table = unit.attach(DEVICE, DOMAIN, 1);
        unit.translating().queueing(0);
        SimulatedVtd plain =
                SimulatedVtd.create(recipe().cache(CacheConfig.NONE).config(), unit.platform);
        plain.writeRegister(VtdUnit.RTADDR, 8, unit.root);
        plain.writeRegister(VtdUnit.GCMD, 4, VtdUnit.SRTP);
        plain.writeRegister(VtdUnit.GCMD, 4, VtdUnit.TE);
        DmaAccess expected = new DmaAccess();
        for (int round = 0; round < 40; round++) {
            edit(unit, table, random);
            for (int i = 0; i < 20; i++) {
                long iova = BASE + random.nextInt(REGION_PAGES) * 4096L;
                int rights = 1 + random.nextInt(3);
                plain.translate(expected.begin(DEVICE, iova, rights));
                unit.dma(DEVICE, iova, rights);
                assertEquals(expected.outcome(), unit.access.outcome());
                assertEquals(expected.spa(), unit.access.spa());
                assertEquals(expected.faultCode(), unit.access.faultCode());
                assertEquals(expected.grantedRights(), unit.access.grantedRights());
                assertEquals(expected.pageBytes(), unit.access.pageBytes());
            }
        }
    }

    private static void edit(VtdUnit unit, long table, SplittableRandom random) {
        long iova = BASE + random.nextInt(REGION_PAGES) * 4096L;
        switch (random.nextInt(4)) {
            case 0 -> {
                // A region becomes a superpage, or is taken away with its table: IH=0 over the region.
                long region = iova & -0x20_0000L;
                long directory = unit.memory.readLongLe(TableBuilder.entryAddress(table, region, 3)) & ~0xfffL;
                if (directory != 0) {
                    long entry = random.nextBoolean() ? 0 : 0x9000_0000L | 0x80 | 1 + random.nextInt(3);
                    unit.memory.writeLongLe(TableBuilder.entryAddress(directory, region, 2), entry);
                    unit.submit(0x120032L, region | 9);
                }
            }
            case 1 -> {
                if (isMappedSmall(unit, table, iova) && unit.tables.unmap(table, LEVELS, iova)) {
                    unit.submit(0x120032L, iova | 0x40);
                }
            }
            default -> {
                if (isMappedSmall(unit, table, iova)) {
                    unit.tables.map(table, LEVELS, iova, 0x1_0000_0000L + iova, 1, 1 + random.nextInt(3));
                    unit.submit(0x120032L, iova);
                }
            }
        }
    }

    /** True if no superpage is in the way. */
    private static boolean isMappedSmall(VtdUnit unit, long table, long iova) {
        long directory = unit.memory.readLongLe(TableBuilder.entryAddress(table, iova, 3)) & ~0xfffL;
        return directory == 0 || (unit.memory.readLongLe(TableBuilder.entryAddress(directory, iova, 2)) & 0x80) == 0;
    }
}
