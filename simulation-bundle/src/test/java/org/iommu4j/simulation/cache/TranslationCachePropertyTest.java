package org.iommu4j.simulation.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A cache against a plain set of entries, over random operations. */
final class TranslationCachePropertyTest {
    private static final int[] SHIFTS = {12, 12, 12, 12, 16, 21, 21, 30, 39, 63};
    private static final int[] PASIDS = {TranslationCache.NO_PASID, TranslationCache.NO_PASID, 0, 1, 0xFFFFF};

    static IntStream seeds() {
        return IntStream.range(0, 200);
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void shouldHoldExactlyWhatTheModelHoldsWhenNothingIsEvicted(int seed) {
        new Run(seed, CacheSize.WORST_CASE_ENTRIES, false).play();
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void shouldReportEveryEntryThatLeavesToTheListener(int seed) {
        new Run(seed, CacheSize.WORST_CASE_ENTRIES, true).play();
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void shouldEvictOneEntryAndOnlyWhenFull(int seed) {
        new Run(seed, List.of(0, 1, 2, 3, 16, 100).get(seed % 6), seed % 7 == 0).play();
    }

    private record Key(int domain, int pasid, long iova, int shift) {
        boolean overlaps(long first, long last) {
            long end = iova | ((1L << shift) - 1);
            return Long.compareUnsigned(iova, last) <= 0 && Long.compareUnsigned(end, first) >= 0;
        }
    }

    private record Value(long value, int attributes) {}

    private static final class Run {
        private final Random random;
        private final TranslationCache cache;
        private final Map<Key, Value> model = new HashMap<>();
        private final Set<Key> reported = new HashSet<>();
        private final boolean listening;

        /** In one operation of so many a range may be dropped, so that caches with and without many ranges are seen. */
        private final int rangeOdds;

        /** Addresses that were used before, to be met again. */
        private final long[] known = new long[200];

        Run(int seed, int capacity, boolean listening) {
            random = new Random(seed);
            cache = new TranslationCache(capacity);
            this.listening = listening;
            rangeOdds = 1 << (seed % 8);
            if (listening) {
                cache.onRemoval((cause, domain, pasid, iova, shift, value, attributes) -> {
                    Key key = new Key(domain, pasid, iova, shift);
                    assertEquals(model.get(key), new Value(value, attributes), "what " + cause + " reports");
                    assertTrue(reported.add(key), "reported once");
                });
            }
        }

        void play() {
            int operations = 1 << (7 + random.nextInt(5));
            for (int i = 0; i < operations; i++) {
                step();
                assertEquals(model.size(), cache.size());
                if (i % 50 == 0) {
                    assertEquals(model, contents());
                }
            }
            assertEquals(model, contents());
        }

        private void step() {
            reported.clear();
            int domain = random.nextInt(3) - 1;
            int pasid = PASIDS[random.nextInt(PASIDS.length)];
            int what = random.nextInt(100);
            if (what < 55 || (what >= 82 && random.nextInt(rangeOdds) != 0)) {
                insert(domain, pasid);
            } else if (what < 75) {
                lookup(domain, pasid, address());
            } else if (what < 82) {
                long iova = address();
                drop(
                        cache.invalidatePage(domain, pasid, iova),
                        inSpace(domain, pasid).and(k -> k.overlaps(iova, iova)));
            } else if (what < 88) {
                range(domain, pasid);
            } else if (what < 93) {
                long iova = address();
                int block = 12 + random.nextInt(60);
                long inBlock = block >= Long.SIZE ? -1L : (1L << block) - 1;
                drop(
                        cache.invalidateBlock(domain, pasid, iova, block),
                        inSpace(domain, pasid).and(k -> k.overlaps(iova & ~inBlock, iova | inBlock)));
            } else if (what < 95) {
                long first = address();
                long last = first + random.nextInt(1 << 24);
                drop(
                        cache.invalidateRangeAnyPasid(domain, first, last),
                        k -> k.domain == domain && Long.compareUnsigned(first, last) <= 0 && k.overlaps(first, last));
            } else if (what < 97) {
                drop(cache.invalidateSpace(domain, pasid), inSpace(domain, pasid));
            } else if (what < 98) {
                drop(cache.invalidatePasids(domain), k -> k.domain == domain && k.pasid != TranslationCache.NO_PASID);
            } else if (what < 99) {
                drop(cache.invalidateDomain(domain), k -> k.domain == domain);
            } else if (random.nextInt(4) == 0) {
                drop(cache.invalidateAll(), k -> true);
            }
        }

        private void range(int domain, int pasid) {
            long first = address();
            long last = first + (random.nextLong() >>> (20 + random.nextInt(40))) - 1;
            long shifts = random.nextBoolean() ? -1L : 1L << SHIFTS[random.nextInt(SHIFTS.length)];
            Predicate<Key> matches = inSpace(domain, pasid)
                    .and(k -> Long.compareUnsigned(first, last) <= 0
                            && k.overlaps(first, last)
                            && ((shifts >>> k.shift) & 1) != 0);
            drop(cache.invalidateRange(domain, pasid, first, last, shifts), matches);
        }

        private void insert(int domain, int pasid) {
            int shift = SHIFTS[random.nextInt(SHIFTS.length)];
            long iova = address();
            Key key = new Key(domain, pasid, iova & -(1L << shift), shift);
            Value value = new Value(random.nextLong(), random.nextInt());
            int before = cache.size();
            boolean replaces = model.containsKey(key);
            cache.insert(domain, pasid, iova, shift, value.value, value.attributes);
            if (cache.capacity() == 0) {
                return;
            }
            if (!replaces && before == cache.capacity()) {
                Set<Key> left = contents().keySet();
                Set<Key> evicted = new HashSet<>(model.keySet());
                evicted.removeAll(left);
                assertEquals(1, evicted.size(), "evicted");
                if (listening) {
                    assertEquals(evicted, reported);
                }
                model.keySet().removeAll(evicted);
            } else if (listening) {
                assertEquals(replaces ? Set.of(key) : Set.of(), reported);
            }
            model.put(key, value);
        }

        private void lookup(int domain, int pasid, long iova) {
            Key smallest = model.keySet().stream()
                    .filter(inSpace(domain, pasid).and(k -> k.overlaps(iova, iova)))
                    .min((a, b) -> a.shift - b.shift)
                    .orElse(null);
            int entry = cache.lookup(domain, pasid, iova);
            if (smallest == null) {
                assertEquals(TranslationCache.MISS, entry);
            } else {
                assertEquals(
                        smallest,
                        new Key(cache.domain(entry), cache.pasid(entry), cache.iova(entry), cache.pageShift(entry)));
                assertEquals(model.get(smallest), new Value(cache.value(entry), cache.attributes(entry)));
            }
        }

        private void drop(int dropped, Predicate<Key> matches) {
            Set<Key> gone = new HashSet<>(model.keySet());
            gone.removeIf(matches.negate());
            assertEquals(gone.size(), dropped);
            if (listening) {
                assertEquals(gone, reported);
            }
            model.keySet().removeAll(gone);
        }

        private Predicate<Key> inSpace(int domain, int pasid) {
            return key -> key.domain == domain && key.pasid == pasid;
        }

        private Map<Key, Value> contents() {
            Map<Key, Value> seen = new HashMap<>();
            cache.visit((domain, pasid, iova, shift, value, attributes) -> {
                Value before = seen.put(new Key(domain, pasid, iova, shift), new Value(value, attributes));
                assertEquals(null, before, "shown once");
            });
            return seen;
        }

        private long address() {
            int at = random.nextInt(known.length);
            if (random.nextBoolean()) {
                known[at] = newAddress();
            }
            return known[at];
        }

        /** Mostly among a few regions, so that pages of different sizes meet; now and then anywhere. */
        private long newAddress() {
            long in = random.nextInt(1 << 20);
            return switch (random.nextInt(8)) {
                case 0 -> random.nextLong();
                case 1 -> -1L - in;
                case 2 -> 0x7FFF_FFFF_F000L - (in << 4);
                case 3 -> in << 10;
                case 4 -> 0x4000_0000L - (1 << 19) + in;
                default -> 0x8000_0000L + (in << 3);
            };
        }
    }
}
