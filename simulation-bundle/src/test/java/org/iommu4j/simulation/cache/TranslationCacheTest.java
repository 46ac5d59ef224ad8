package org.iommu4j.simulation.cache;

import static org.iommu4j.simulation.cache.TranslationCache.MISS;
import static org.iommu4j.simulation.cache.TranslationCache.NO_PASID;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.CacheConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class TranslationCacheTest {
    private static final int DOMAIN = 0x12;
    private static final int PAGE = 12;
    private static final int LARGE = 21;
    private static final int HUGE = 30;

    private final TranslationCache cache = new TranslationCache(CacheSize.WORST_CASE_ENTRIES);

    @Test
    void shouldKeepNothingWhenConfiguredAsNone() {
        TranslationCache none = TranslationCache.of(CacheConfig.NONE, 64);

        none.insert(DOMAIN, NO_PASID, 0x1000, PAGE, 1, 1);

        assertEquals(MISS, none.lookup(DOMAIN, NO_PASID, 0x1000));
        assertEquals(0, none.size());
    }

    @Test
    void shouldEvictTheOldestOfTwoWhenTiny() {
        TranslationCache tiny = TranslationCache.of(CacheConfig.TINY, 64);

        for (int page = 1; page <= 5; page++) {
            tiny.insert(DOMAIN, NO_PASID, page << PAGE, PAGE, page, 0);
            if (page > 2) {
                assertEquals(MISS, tiny.lookup(DOMAIN, NO_PASID, (page - 2) << PAGE));
                assertNotEquals(MISS, tiny.lookup(DOMAIN, NO_PASID, (page - 1) << PAGE));
            }
            assertNotEquals(MISS, tiny.lookup(DOMAIN, NO_PASID, page << PAGE));
        }
        assertEquals(2, tiny.size());
    }

    @Test
    void shouldTakeTheVendorsNumberByDefault() {
        assertEquals(64, TranslationCache.of(CacheConfig.DEFAULT, 64).capacity());
        assertEquals(
                CacheSize.WORST_CASE_ENTRIES,
                TranslationCache.of(CacheConfig.WORST_CASE, 64).capacity());
    }

    @Test
    void shouldKeepDomainsAndPasidsApart() {
        cache.insert(DOMAIN, NO_PASID, 0x1000, PAGE, 1, 0);
        cache.insert(DOMAIN, 0, 0x1000, PAGE, 2, 0);
        cache.insert(DOMAIN + 1, 0, 0x1000, PAGE, 3, 0);

        assertEquals(1, cache.value(cache.lookup(DOMAIN, NO_PASID, 0x1FFF)));
        assertEquals(2, cache.value(cache.lookup(DOMAIN, 0, 0x1FFF)));
        assertEquals(3, cache.value(cache.lookup(DOMAIN + 1, 0, 0x1FFF)));
        assertEquals(MISS, cache.lookup(DOMAIN + 1, NO_PASID, 0x1FFF));
    }

    @Test
    void shouldReplaceTheSamePage() {
        cache.insert(DOMAIN, NO_PASID, 0x1234, PAGE, 1, 2);
        cache.insert(DOMAIN, NO_PASID, 0x1567, PAGE, 3, -4);

        int entry = cache.lookup(DOMAIN, NO_PASID, 0x1000);
        assertEquals(1, cache.size());
        assertEquals(3, cache.value(entry));
        assertEquals(-4, cache.attributes(entry));
        assertEquals(0x1000, cache.iova(entry));
        assertEquals(PAGE, cache.pageShift(entry));
        assertEquals(DOMAIN, cache.domain(entry));
        assertEquals(NO_PASID, cache.pasid(entry));
    }

    @Test
    void shouldPreferTheSmallestPage() {
        cache.insert(DOMAIN, NO_PASID, 0, HUGE, 30, 0);
        cache.insert(DOMAIN, NO_PASID, 0, LARGE, 21, 0);
        cache.insert(DOMAIN, NO_PASID, 0, PAGE, 12, 0);

        assertEquals(12, cache.value(cache.lookup(DOMAIN, NO_PASID, 0xFFF)));
        assertEquals(21, cache.value(cache.lookup(DOMAIN, NO_PASID, 0x1000)));
        assertEquals(30, cache.value(cache.lookup(DOMAIN, NO_PASID, 0x200000)));
        assertEquals(MISS, cache.lookup(DOMAIN, NO_PASID, 0x4000_0000));
    }

    @Test
    void shouldDropALargePageWhenAnyOfItsPagesIsInvalidated() {
        cache.insert(DOMAIN, NO_PASID, 0x4000_0000L, LARGE, 1, 0);

        assertEquals(1, cache.invalidateBlock(DOMAIN, NO_PASID, 0x4000_1000L, PAGE));
        assertEquals(MISS, cache.lookup(DOMAIN, NO_PASID, 0x4010_0000L));
    }

    @Test
    void shouldDropSmallPagesInsideALargeRange() {
        for (long page = 0; page < 1024; page++) {
            cache.insert(DOMAIN, NO_PASID, page << PAGE, PAGE, page, 0);
        }

        assertEquals(512, cache.invalidateBlock(DOMAIN, NO_PASID, 0x20_0000L, LARGE));
        assertEquals(512, cache.size());
        assertNotEquals(MISS, cache.lookup(DOMAIN, NO_PASID, 0x1F_F000L));
        assertEquals(MISS, cache.lookup(DOMAIN, NO_PASID, 0x20_0000L));
    }

    @Test
    void shouldDropOnlyTheSizesAskedFor() {
        cache.insert(DOMAIN, NO_PASID, 0, PAGE, 1, 0);
        cache.insert(DOMAIN, NO_PASID, 0, LARGE, 2, 0);

        assertEquals(1, cache.invalidateRange(DOMAIN, NO_PASID, 0, 0xFFF, 1L << LARGE));
        assertEquals(1, cache.value(cache.lookup(DOMAIN, NO_PASID, 0)));
    }

    @Test
    void shouldDropNothingWhenARangeIsReversed() {
        cache.insert(DOMAIN, NO_PASID, 0x1000, PAGE, 1, 0);

        assertEquals(0, cache.invalidateRange(DOMAIN, NO_PASID, 0x2000, 0x1000));
        assertEquals(0, cache.invalidateRange(DOMAIN, NO_PASID, -1L, 0x1000));
        assertEquals(1, cache.size());
    }

    @ParameterizedTest
    @CsvSource({"51, 0", "52, 0", "63, 0", "64, 1", "75, 1"})
    void shouldTakeABlockOfAnyLengthAsFarAsItReaches(int blockShift, int droppedAtTheTop) {
        cache.insert(DOMAIN, NO_PASID, 0x1000, PAGE, 1, 0);
        cache.insert(DOMAIN, NO_PASID, -1L, PAGE, 2, 0);

        assertEquals(1 + droppedAtTheTop, cache.invalidateBlock(DOMAIN, NO_PASID, 0x1000, blockShift));
    }

    @Test
    void shouldDropPasidsOnlyOrTheWholeDomain() {
        fillFourSpaces();
        assertEquals(20, cache.invalidatePasids(DOMAIN));
        assertEquals(20, cache.size());

        fillFourSpaces();
        assertEquals(30, cache.invalidateDomain(DOMAIN));
        assertEquals(10, cache.size());

        fillFourSpaces();
        assertEquals(10, cache.invalidateSpace(DOMAIN, NO_PASID));
        assertEquals(30, cache.size());

        assertEquals(30, cache.invalidateAll());
        assertEquals(0, cache.size());
    }

    @Test
    void shouldDropARangeForEveryPasid() {
        fillFourSpaces();

        assertEquals(6, cache.invalidateRangeAnyPasid(DOMAIN, 0x3000, 0x4FFF));
        assertEquals(34, cache.size());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 60, 64, 65, 130, 500, 5000})
    void shouldFindEveryPageOfARangeAfterPagesCameAndWentAndTheCacheGrew(int pages) {
        for (int round = 0; round < 500; round++) {
            cache.insert(DOMAIN, NO_PASID, 0, PAGE, 0, 0);
            cache.invalidatePage(DOMAIN, NO_PASID, 0);
        }
        for (long page = 0; page < pages; page++) {
            cache.insert(DOMAIN, NO_PASID, page << 20, PAGE, page, 0);
        }

        assertEquals(pages, cache.invalidateRange(DOMAIN, NO_PASID, 0, Long.MAX_VALUE));
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 64, 1000, CacheSize.WORST_CASE_ENTRIES})
    void shouldReclaimWhatDomainInvalidationsLeaveBehind(int capacity) {
        TranslationCache bounded = new TranslationCache(capacity);
        int entries = Math.min(capacity, 100);
        for (int round = 0; round < 20_000; round++) {
            for (int page = 0; page < (round < 2000 ? entries : 2); page++) {
                bounded.insert(round & 3, round & 7, (long) page << PAGE, PAGE, round, 0);
            }
            int expected = round < 2000 ? entries : 2;
            assertEquals(expected, bounded.size());
            assertEquals(expected, bounded.invalidateDomain(round & 3));
            assertEquals(MISS, bounded.lookup(round & 3, round & 7, 0));
        }
        bounded.visit((domain, pasid, iova, shift, value, attributes) -> {
            throw new AssertionError("left over");
        });
    }

    @Test
    void shouldStartAnewWhenEverythingWasDropped() {
        cache.insert(DOMAIN, NO_PASID, 0x1000, PAGE, 1, 0);
        cache.insert(DOMAIN, 7, 0x1000, PAGE, 2, 0);
        cache.insert(DOMAIN + 1, 7, 0x1000, LARGE, 3, 0);

        assertEquals(3, cache.invalidateAll());
        assertEquals(0, cache.size());
        assertEquals(0, cache.invalidateAll());
        assertEquals(0, cache.invalidateDomain(DOMAIN));
        assertEquals(0, cache.invalidatePasids(DOMAIN + 1));
        assertEquals(0, cache.invalidateRangeAnyPasid(DOMAIN, 0, -1L));
        cache.insert(DOMAIN, 7, 0x1000, PAGE, 4, 0);

        assertEquals(MISS, cache.lookup(DOMAIN, NO_PASID, 0x1000));
        assertEquals(4, cache.value(cache.lookup(DOMAIN, 7, 0x1000)));
        assertEquals(0, cache.invalidatePage(DOMAIN + 1, 7, 0x1000));
        assertEquals(1, cache.invalidateAll());
    }

    @Test
    void shouldGoOnWithAnEmptiedSpaceWhenEverythingWasDropped() {
        cache.insert(DOMAIN, NO_PASID, 0x1000, PAGE, 1, 0);
        cache.insert(DOMAIN + 1, NO_PASID, 0x1000, PAGE, 2, 0);
        assertEquals(1, cache.invalidatePage(DOMAIN, NO_PASID, 0x1000));

        assertEquals(1, cache.invalidateAll());
        cache.insert(DOMAIN, NO_PASID, 0x1000, PAGE, 3, 0);

        assertEquals(3, cache.value(cache.lookup(DOMAIN, NO_PASID, 0x1000)));
        assertEquals(MISS, cache.lookup(DOMAIN + 1, NO_PASID, 0x1000));
        assertEquals(1, cache.invalidateDomain(DOMAIN));
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 64, 1000})
    void shouldReclaimWhatGlobalInvalidationsLeaveBehind(int capacity) {
        TranslationCache small = new TranslationCache(capacity);

        for (int round = 0; round < 300; round++) {
            for (int i = 0; i < capacity; i++) {
                small.insert(round * 3 + i % 3, i & 1, (long) i << PAGE, PAGE, round, 0);
            }
            assertEquals(capacity, small.size());
            assertNotEquals(MISS, small.lookup(round * 3, 0, 0));
            assertEquals(round, small.value(small.lookup(round * 3, 0, 0)));
            if (round % 3 == 0) {
                assertEquals(1, small.invalidatePage(round * 3, 0, 0));
                assertEquals(capacity - 1, small.invalidateAll());
            } else {
                assertEquals(capacity, small.invalidateAll());
            }
            assertEquals(MISS, small.lookup(round * 3, 0, 0));
        }
    }

    @Test
    void shouldTellTheListenerOfEachEntryWhenEverythingIsDropped() {
        cache.insert(DOMAIN, NO_PASID, 0x1000, PAGE, 1, 0);
        cache.insert(DOMAIN + 1, 7, 0x1000, LARGE, 2, 0);
        cache.invalidateAll();
        cache.insert(DOMAIN, NO_PASID, 0x2000, PAGE, 3, 0);
        cache.insert(DOMAIN + 1, 7, 0x1000, LARGE, 4, 0);
        List<Long> left = new ArrayList<>();
        cache.onRemoval((cause, domain, pasid, iova, pageShift, value, attributes) -> left.add(value));

        assertEquals(2, cache.invalidateAll());

        assertEquals(List.of(3L, 4L), left.stream().sorted().toList());
    }

    @ParameterizedTest
    @ValueSource(ints = {11, 64, -1})
    void shouldRefusePageSizesThatItCannotHold(int pageShift) {
        assertThrows(IllegalArgumentException.class, () -> cache.insert(DOMAIN, NO_PASID, 0, pageShift, 0, 0));
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, Integer.MAX_VALUE})
    void shouldRefuseImpossibleCapacities(int capacity) {
        assertThrows(IllegalArgumentException.class, () -> new TranslationCache(capacity));
    }

    @Test
    void shouldTellTheListenerWhyAnEntryLeft() {
        TranslationCache one = new TranslationCache(1);
        StringBuilder log = new StringBuilder();
        one.onRemoval((cause, domain, pasid, iova, shift, value, attributes) ->
                log.append(cause).append(value).append(' '));

        one.insert(DOMAIN, NO_PASID, 0, PAGE, 1, 0);
        one.insert(DOMAIN, NO_PASID, 0, PAGE, 2, 0);
        one.insert(DOMAIN, NO_PASID, 0x1000, PAGE, 3, 0);
        one.invalidateAll();

        assertEquals("REPLACED1 EVICTED2 INVALIDATED3 ", log.toString());
    }

    @Test
    void shouldForgetTheListenerWhenNull() {
        cache.onRemoval((cause, domain, pasid, iova, shift, value, attributes) -> {
            throw new AssertionError("nobody listens");
        });
        cache.onRemoval(null);
        cache.insert(DOMAIN, NO_PASID, 0, PAGE, 1, 0);

        assertEquals(1, cache.invalidateDomain(DOMAIN));
    }

    private void fillFourSpaces() {
        for (long page = 0; page < 10; page++) {
            cache.insert(DOMAIN, NO_PASID, page << PAGE, PAGE, page, 0);
            cache.insert(DOMAIN, 1, page << PAGE, PAGE, page, 0);
            cache.insert(DOMAIN, 2, page << PAGE, PAGE, page, 0);
            cache.insert(DOMAIN + 1, NO_PASID, page << PAGE, PAGE, page, 0);
        }
    }
}
