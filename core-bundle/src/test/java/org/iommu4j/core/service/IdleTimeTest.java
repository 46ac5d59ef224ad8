package org.iommu4j.core.service;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class IdleTimeTest {
    private static final long LIMIT = 2000;

    private final CountDownLatch end = new CountDownLatch(1);
    private final Thread spinning = new Thread(() -> {
        while (end.getCount() > 0) {
            Thread.onSpinWait();
        }
    });
    private final Thread waiting = new Thread(() -> {
        try {
            end.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    });
    private long clock;
    private long processor;

    @BeforeEach
    void start() throws InterruptedException {
        spinning.start();
        waiting.start();
        while (waiting.getState() != Thread.State.WAITING) {
            Thread.sleep(1);
        }
    }

    @AfterEach
    void release() {
        end.countDown();
    }

    private IdleTime of(Thread thread) {
        return new IdleTime(thread, LIMIT, () -> clock, any -> processor);
    }

    private boolean over(IdleTime idle, long clockNanos, long processorNanos) {
        clock += clockNanos;
        processor += processorNanos;
        return idle.isOver();
    }

    @Test
    void shouldCountTheWholeTimeOfAThreadThatWaits() {
        IdleTime idle = of(waiting);
        for (int look = 1; look < 20; look++) {
            assertFalse(over(idle, 100, 0));
        }
        assertTrue(over(idle, 100, 0));
    }

    @Test
    void shouldCountOnlyTheProcessorsTimeOfAThreadThatRuns() {
        IdleTime idle = of(spinning);
        for (int look = 1; look < 40; look++) {
            assertFalse(over(idle, 100, 50));
        }
        assertTrue(over(idle, 100, 50));
    }

    @Test
    void shouldEndAThreadThatUsesNoProcessorAllTheSame() {
        IdleTime idle = of(spinning);
        for (int look = 1; look < 200; look++) {
            assertFalse(over(idle, 100, 0));
        }
        assertTrue(over(idle, 100, 0));
    }

    @Test
    void shouldCountASuspensionAsOneLook() {
        IdleTime idle = of(waiting);
        assertFalse(over(idle, 1_000_000, 0));
        assertFalse(over(idle, 1_000_000, 0));
    }

    @Test
    void shouldCountFromAnewOnceTheThreadHasGotOn() {
        IdleTime idle = of(waiting);
        for (int look = 1; look < 20; look++) {
            assertFalse(over(idle, 100, 0));
        }
        idle.restart();
        assertFalse(over(idle, 100, 0));
    }

    @Test
    void shouldCountTheClockWhereTheProcessorsTimeIsNotKnown() {
        IdleTime idle = new IdleTime(spinning, LIMIT, () -> clock, any -> -1);
        for (int look = 1; look < 20; look++) {
            assertFalse(over(idle, 100, 0));
        }
        assertTrue(over(idle, 100, 0));
    }
}
