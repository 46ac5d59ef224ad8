package org.iommu4j.intel.hardware;

import static org.iommu4j.intel.hardware.VtdUnit.DEVICE;
import static org.iommu4j.intel.hardware.VtdUnit.DOMAIN;
import static org.iommu4j.intel.hardware.VtdUnit.recipe;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.SplittableRandom;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.intel.table.TableBuilder;
import org.iommu4j.intel.table.TableWalker;
import org.iommu4j.testing.Property;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A guest that edits, invalidates and waits, before units that are right and units that now and then ignore a command: the
 * sanitizer finds the chip's fault exactly when an access is not what the tables say.
 */
class StaleTranslationPropertyTest {
    private static final int LEVELS = 3;
    private static final long BASE = 0x4000_0000L;
    private static final int PAGES = 1024;
    private static final long WAIT = 0x1_0000_0025L;

    /** Caches that ignore one command in so many; none for 0. */
    private static final class Forgetful extends TranslationCaches {
        private final SplittableRandom random;
        private final int oneIn;

        Forgetful(CacheConfig config, TableWalker walker, SplittableRandom random, int oneIn) {
            super(config, walker);
            this.random = random;
            this.oneIn = oneIn;
        }

        @Override
        void invalidatePages(int domain, long iova, int addressMask, boolean leafOnly) {
            if (oneIn == 0 || random.nextInt(oneIn) > 0) {
                super.invalidatePages(domain, iova, addressMask, leafOnly);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(CacheConfig.class)
    void shouldFindNoFaultWhenBothAreRight(CacheConfig cache) {
        Property.check(25, random -> {
            SanitizerReport report = run(cache, 0, random);
            assertEquals(0, report.chipFaults());
            assertEquals(0, report.count(Finding.Kind.MISSING_INVALIDATION), report::toString);
            assertEquals(0, report.count(Finding.Kind.USE_AFTER_FREE_OF_TABLE), report::toString);
        });
    }

    @ParameterizedTest
    @EnumSource(CacheConfig.class)
    void shouldFindTheChipsFaultAndNoneOfTheGuestsWhenItIgnoresCommands(CacheConfig cache) {
        long[] faults = new long[1];
        Property.check(25, random -> {
            SanitizerReport report = run(cache, 4, random);
            faults[0] += report.chipFaults();
            assertEquals(0, report.count(Finding.Kind.MISSING_INVALIDATION), report::toString);
            assertEquals(0, report.count(Finding.Kind.USE_AFTER_FREE_OF_TABLE), report::toString);
        });
        assertEquals(cache != CacheConfig.NONE, faults[0] > 0);
    }

    private static SanitizerReport run(CacheConfig cache, int oneIn, SplittableRandom random) {
        SplittableRandom choice = random.split();
        VtdUnit unit = recipe().cache(cache)
                .caches((config, walker) -> new Forgetful(config, walker, choice, oneIn))
                .sanitized()
                .make();
        long table = unit.attach(DEVICE, DOMAIN, 1);
        unit.translating().queueing(1);
        PlainTables plain = new PlainTables(unit, table);
        for (int round = 0; round < 60; round++) {
            edit(unit, table, random);
            for (int i = 0; i < 20; i++) {
                long iova = BASE + random.nextInt(PAGES) * 4096L;
                long faultsBefore = unit.platform.sanitizer().report().chipFaults();
                unit.dma(DEVICE, iova, DmaAccess.READ);
                boolean wrong = plain.find(iova)
                        != (unit.access.outcome() == DmaAccess.Outcome.TRANSLATED
                                ? unit.access.spa()
                                : PlainTables.NONE);
                boolean found = unit.platform.sanitizer().report().chipFaults() > faultsBefore;
                if (wrong) {
                    assertEquals(true, found, () -> "0x" + Long.toHexString(iova) + " is stale and was not found");
                }
                if (oneIn == 0) {
                    assertEquals(false, wrong);
                }
            }
        }
        return unit.platform.sanitizer().report();
    }

    /** Maps, changes or unmaps a page, or takes a table away and gives it back, as the architecture asks. */
    private static void edit(VtdUnit unit, long table, SplittableRandom random) {
        long iova = BASE + random.nextInt(PAGES) * 4096L;
        int what = random.nextInt(8);
        long freed = 0;
        if (what == 0) {
            long directory = unit.memory.readLongLe(TableBuilder.entryAddress(table, iova, 3)) & ~0xfffL;
            if (directory == 0) {
                return;
            }
            long entry = TableBuilder.entryAddress(directory, iova, 2);
            freed = unit.memory.readLongLe(entry) & ~0xfffL;
            unit.memory.writeLongLe(entry, 0);
            unit.submit(0x12_0032L, (iova & -0x20_0000L) | 9);
        } else if (what < 3) {
            unit.tables.unmap(table, LEVELS, iova);
            unit.submit(0x12_0032L, iova | 0x40);
        } else {
            unit.tables.map(table, LEVELS, iova, 0x1_0000_0000L + random.nextInt(1 << 16) * 4096L, 1, DmaAccess.READ);
            unit.submit(0x12_0032L, iova | 0x40);
        }
        unit.submit(WAIT, 0x10_0000);
        if (freed != 0) {
            unit.platform.freePages(freed, 1);
        }
    }

    /** Reads the tables by itself. */
    private record PlainTables(VtdUnit unit, long table) {
        static final long NONE = -1;

        long find(long iova) {
            long at = table;
            for (int level = LEVELS; level >= 1; level--) {
                long entry = unit.memory.readLongLe(TableBuilder.entryAddress(at, iova, level));
                if ((entry & 1) == 0) {
                    return NONE;
                }
                at = entry & ~0xfffL;
            }
            return at;
        }
    }
}
