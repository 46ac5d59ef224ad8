package org.iommu4j.simulation.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Random;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

final class PagePresenceTest {
    private static final int[] SHIFTS = {12, 21, 30, 63};

    private final PagePresence presence = new PagePresence(64);

    static IntStream seeds() {
        return IntStream.range(0, 50);
    }

    @Test
    void shouldFindPagesOnBothSidesOfEveryBoundary() {
        for (int bit = 0; bit < 52; bit++) {
            long page = 1L << bit;
            assertTrue(presence.add(0, 12, page));
            assertTrue(presence.add(0, 12, page - 1));

            assertEquals(List.of(page - 1, page), drain(0, 12, page - 1, page), "bit " + bit);
            presence.reset(64);
        }
    }

    @Test
    void shouldSayWhenThereIsNoRoom() {
        int added = 0;
        while (presence.add(0, 12, (long) added << 40)) {
            added++;
        }

        assertTrue(added > 2);
        assertEquals(added, drain(0, 12, 0, (1L << 52) - 1).size());
        presence.reset(64);
        assertEquals(List.of(), drain(0, 12, 0, (1L << 52) - 1));
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void shouldDrainExactlyWhatWasMarkedInTheRange(int seed) {
        Random random = new Random(seed);
        Map<List<Integer>, NavigableSet<Long>> model = new HashMap<>();
        for (int i = 0; i < 3000; i++) {
            int space = random.nextInt(3);
            int shift = SHIFTS[random.nextInt(SHIFTS.length)];
            NavigableSet<Long> pages = model.computeIfAbsent(List.of(space, shift), key -> new TreeSet<>());
            long page = page(random, shift);
            if (random.nextInt(4) != 0) {
                pages.add(page);
                if (!presence.add(space, shift, page)) {
                    grow(model);
                }
            } else {
                long last = Math.min(-1L >>> shift, page + (random.nextLong() >>> (12 + random.nextInt(50))));
                NavigableSet<Long> range = pages.subSet(page, true, last, true);
                assertEquals(new ArrayList<>(range), drain(space, shift, page, last));
                range.clear();
            }
        }
        model.forEach((key, pages) ->
                assertEquals(new ArrayList<>(pages), drain(key.get(0), key.get(1), 0, -1L >>> key.get(1))));
    }

    @Test
    void shouldNotMixSpacesOrSizes() {
        presence.add(0, 12, 5);

        assertEquals(List.of(), drain(1, 12, 0, 9));
        assertEquals(List.of(), drain(0, 13, 0, 9));
        assertEquals(List.of(5L), drain(0, 12, 0, 9));
        assertEquals(List.of(), drain(0, 12, 0, 9));
    }

    @Test
    void shouldKeepNodesThatComeAndGoWithTheSamePage() {
        assertTrue(presence.add(0, 12, 5));
        int used = presence.used();
        for (int i = 0; i < 1000; i++) {
            drain(0, 12, 0, 9);
            assertTrue(presence.add(0, 12, 5));
        }

        assertEquals(used, presence.used());
        assertFalse(used == 0);
    }

    private void grow(Map<List<Integer>, NavigableSet<Long>> model) {
        presence.reset(presence.slots() * 4);
        model.forEach((key, pages) -> pages.forEach(page -> assertTrue(presence.add(key.get(0), key.get(1), page))));
    }

    /** In clusters of different width, at the bottom, in the middle and at the top. */
    private static long page(Random random, int shift) {
        long top = -1L >>> shift;
        long in = random.nextLong() >>> (63 - random.nextInt(20));
        long at = switch (random.nextInt(4)) {
            case 0 -> in;
            case 1 -> top - in;
            case 2 -> (top >>> 1) + in;
            default -> (top >>> 20) - in;
        };
        return at & top;
    }

    private List<Long> drain(int space, int shift, long first, long last) {
        List<Long> pages = new ArrayList<>();
        presence.drain(space, shift, first, last, pages::add);
        return pages;
    }
}
