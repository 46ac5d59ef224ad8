package org.iommu4j.upgrade.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.iommu4j.upgrade.Times;
import org.junit.jupiter.api.Test;

class LatenciesTest {
    @Test
    void shouldHaveNoTimesOfNothing() {
        assertEquals(Times.NONE, new Latencies().times());
        assertEquals(Times.NONE, Times.of(List.of()));
    }

    @Test
    void shouldTakePercentilesOfAFewExactly() {
        assertEquals(new Times(20, 30, 30, 3), Times.of(List.of(30L, 10L, 20L)));
        assertEquals(new Times(10, 40, 40, 4), Times.of(List.of(40L, 10L), List.of(10L, 30L)));
    }

    @Test
    void shouldTellPercentilesOfManyToAnEighth() {
        SplittableRandom random = new SplittableRandom(7);
        List<Long> all = new ArrayList<>();
        Latencies one = new Latencies();
        Latencies other = new Latencies();
        for (int i = 0; i < 10_000; i++) {
            long nanos = random.nextLong(1L << random.nextInt(1, 40));
            all.add(nanos);
            (i % 3 == 0 ? one : other).add(nanos);
        }
        Times exact = Times.of(all);

        Times told = one.plus(other).times();

        assertEquals(exact.n(), told.n());
        assertEquals(exact.max(), told.max());
        assertTrue(told.p50() >= exact.p50() && told.p50() <= exact.p50() + exact.p50() / 8 + 1, told + " " + exact);
        assertTrue(told.p99() >= exact.p99() && told.p99() <= exact.p99() + exact.p99() / 8 + 1, told + " " + exact);
    }

    @Test
    void shouldHaveRoomForTheShortestAndTheLongest() {
        Latencies times = new Latencies();
        times.add(0);
        times.add(Long.MAX_VALUE);
        assertEquals(new Times(0, Long.MAX_VALUE, Long.MAX_VALUE, 2), times.times());
    }
}
