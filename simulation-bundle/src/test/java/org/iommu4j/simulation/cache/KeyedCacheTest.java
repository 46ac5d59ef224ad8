package org.iommu4j.simulation.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.iommu4j.backend.CacheConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class KeyedCacheTest {
    @Test
    void shouldKeepNothingWhenConfiguredAsNone() {
        KeyedCache none = KeyedCache.of(CacheConfig.NONE, 64, 1);

        none.insert(1, 2, new long[] {3});

        assertEquals(KeyedCache.MISS, none.lookup(1));
        assertEquals(0, none.invalidateAll());
    }

    @Test
    void shouldGiveBackKeyTagAndWords() {
        KeyedCache cache = KeyedCache.of(CacheConfig.DEFAULT, 64, 2);

        cache.insert(0x310, 0x12, new long[] {7, 8});
        cache.insert(0x310, 0x13, new long[] {9, 10});

        int entry = cache.lookup(0x310);
        assertEquals(0x310, cache.key(entry));
        assertEquals(0x13, cache.tag(entry));
        assertEquals(9, cache.word(entry, 0));
        assertEquals(10, cache.word(entry, 1));
        assertEquals(1, cache.size());
    }

    @Test
    void shouldEvictTheOldestOfTwoWhenTiny() {
        KeyedCache tiny = KeyedCache.of(CacheConfig.TINY, 64, 0);

        for (long key = 0; key < 5; key++) {
            tiny.insert(key, 0, new long[0]);
        }

        assertEquals(2, tiny.size());
        assertEquals(KeyedCache.MISS, tiny.lookup(2));
        assertEquals(3, tiny.key(tiny.lookup(3)));
        assertEquals(4, tiny.key(tiny.lookup(4)));
    }

    @Test
    void shouldDropByBitsOfKeyAndTag() {
        KeyedCache cache = KeyedCache.of(CacheConfig.WORST_CASE, 64, 0);
        for (long requester = 0; requester < 16; requester++) {
            cache.insert(requester, requester & 3, new long[0]);
        }

        assertEquals(4, cache.invalidateMatching(~3L, 8, 0, 0), "four functions of one device");
        assertEquals(3, cache.invalidateMatching(0, 0, -1L, 2), "one domain");
        assertEquals(1, cache.invalidateMatching(-1L, 1, -1L, 1), "one requester of one domain");
        assertEquals(0, cache.invalidateMatching(-1L, 4, -1L, 1), "another domain");
        assertEquals(1, cache.invalidate(4));
        assertEquals(0, cache.invalidate(4));
        assertEquals(7, cache.invalidateAll());
        assertEquals(0, cache.size());
    }

    @Test
    void shouldRefuseWordsThatDoNotFit() {
        KeyedCache cache = new KeyedCache(4, 2);

        assertThrows(IllegalArgumentException.class, () -> cache.insert(1, 1, new long[1]));
        assertThrows(IllegalArgumentException.class, () -> new KeyedCache(-1, 2));
        assertThrows(IllegalArgumentException.class, () -> new KeyedCache(1, -2));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 5, 100, CacheSize.WORST_CASE_ENTRIES})
    void shouldAgreeWithAMapOverRandomOperations(int capacity) {
        Random random = new Random(capacity);
        KeyedCache cache = new KeyedCache(capacity, 1);
        Map<Long, Long> model = new HashMap<>();
        for (int i = 0; i < 20_000; i++) {
            long key = (long) random.nextInt(40) << (random.nextInt(3) * 20);
            switch (random.nextInt(10)) {
                case 0 -> assertEquals(model.remove(key) == null ? 0 : 1, cache.invalidate(key));
                case 1 -> {
                    int before = model.size();
                    model.keySet().removeIf(k -> (k & 7) == (key & 7));
                    assertEquals(before - model.size(), cache.invalidateMatching(7, key, 0, 0));
                }
                case 2, 3, 4 -> {
                    int entry = cache.lookup(key);
                    assertEquals(model.get(key), entry == KeyedCache.MISS ? null : (Long) cache.word(entry, 0));
                }
                default -> {
                    boolean full = model.size() == capacity && !model.containsKey(key);
                    cache.insert(key, key & 7, new long[] {i});
                    model.put(key, (long) i);
                    if (full) {
                        Map<Long, Long> left = contents(cache);
                        model.keySet().retainAll(left.keySet());
                        assertEquals(capacity, model.size(), "one was evicted");
                    }
                }
            }
            assertEquals(model.size(), cache.size());
        }
        assertEquals(model, contents(cache));
    }

    private static Map<Long, Long> contents(KeyedCache cache) {
        Map<Long, Long> seen = new HashMap<>();
        cache.visit(entry -> seen.put(cache.key(entry), cache.word(entry, 0)));
        return seen;
    }
}
