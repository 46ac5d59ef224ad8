package org.iommu4j.intel.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Map;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.AddressType;
import org.iommu4j.intel.command.VtdGeneration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Host permissions stay in force until they are invalidated, VT-d 6.2.6 and 6.5.2.7; the tables are image H of the document. */
class HostPermissionCacheTest {
    private static final ScalableVectors DOCUMENT = new ScalableVectors();
    private static final int DEVICE = 0x310;
    private static final int PASID = 0x345;

    /** A page of 4 KiB and one of 2 MiB that image H permits to read, and to read and write. */
    private static final long SMALL = 0x8020_2000L;

    private static final long ENTRY_OF_LARGE_PAGES = 0x4_2400;
    private static final long ENTRY_OF_SMALL_PAGES = 0x4_3100;

    private ScalableUnit unit;

    @BeforeEach
    void make() {
        unit(CacheConfig.WORST_CASE);
    }

    private void unit(CacheConfig cache) {
        ScalableUnit.Recipe recipe = new ScalableUnit.Recipe();
        recipe.subVersion = VtdGeneration.HOST_PERMISSIONS;
        recipe.ver = 0x80;
        recipe.ecap = ScalableUnit.ECAP_5;
        recipe.cache = cache;
        unit = new ScalableUnit(recipe)
                .store(DOCUMENT.image())
                .store(DOCUMENT.permissions())
                .store(Map.of(ENTRY_OF_LARGE_PAGES, 0L, ENTRY_OF_SMALL_PAGES, 0x100L));
        unit.root(1, false);
        unit.queueing(true);
        unit.translating();
    }

    private boolean reads(long address) {
        DmaAccess access = new DmaAccess()
                .begin(DEVICE, address, DmaAccess.READ)
                .withPasid(PASID)
                .as(AddressType.TRANSLATED);
        unit.chip.translate(access);
        return access.outcome() == DmaAccess.Outcome.TRANSLATED;
    }

    private void invalidate(long word0, long word1) {
        unit.submit(word0, word1);
        assertEquals(-1, unit.queueError());
    }

    @Test
    void shouldUseAPermissionUntilItsPageIsInvalidated() {
        assertEquals(true, reads(SMALL));
        unit.memory.writeLongLe(ENTRY_OF_SMALL_PAGES, 0);
        assertEquals(true, reads(SMALL));
        // Another table's domain id, a page that is not in the entry's range, only then this one's.
        invalidate(0x0006_003aL, SMALL);
        invalidate(0x0005_003aL, SMALL + (1 << 17));
        assertEquals(true, reads(SMALL));
        invalidate(0x0005_003aL, SMALL);
        assertEquals(false, reads(SMALL));
    }

    @Test
    void shouldUseTheWayToATableUntilItsLevelIsInvalidated() {
        assertEquals(true, reads(SMALL));
        unit.memory.writeLongLe(ENTRY_OF_LARGE_PAGES + Long.BYTES, 0);
        // Level 1 alone is read again, by the way that is cached.
        invalidate(0x0005_002aL, 0);
        assertEquals(true, reads(SMALL));
        invalidate(0x0005_002aL, 1 << 6);
        assertEquals(false, reads(SMALL));
    }

    @Test
    void shouldDropPermissionsWithEverything() {
        assertEquals(true, reads(SMALL));
        unit.memory.writeLongLe(ENTRY_OF_SMALL_PAGES, 0);
        invalidate(0x001aL, 0);
        assertEquals(false, reads(SMALL));
    }

    @Test
    void shouldKeepNothingWithoutCaches() {
        unit(CacheConfig.NONE);
        assertEquals(true, reads(SMALL));
        unit.memory.writeLongLe(ENTRY_OF_SMALL_PAGES, 0);
        assertEquals(false, reads(SMALL));
    }

    @Test
    void shouldKeepNoEntryThatPermitsNothing() {
        unit.memory.writeLongLe(ENTRY_OF_SMALL_PAGES, 0);
        assertEquals(false, reads(SMALL));
        unit.memory.writeLongLe(ENTRY_OF_SMALL_PAGES, 0x100);
        assertEquals(true, reads(SMALL));
    }
}
