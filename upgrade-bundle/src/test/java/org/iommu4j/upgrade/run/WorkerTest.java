package org.iommu4j.upgrade.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class WorkerTest {
    private static final long LIMIT_NANOS = TimeUnit.MILLISECONDS.toNanos(40);

    private final CountDownLatch end = new CountDownLatch(1);
    private final Worker worker = new Worker("the guest", this::hangs, () -> 0, LIMIT_NANOS);

    private void hangs() {
        try {
            end.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @AfterEach
    void release() {
        end.countDown();
    }

    @Test
    void shouldNotTakeASuspensionOfTheProcessForAHang() throws InterruptedException {
        worker.start();
        assertEquals("", worker.hang());
        Thread.sleep(TimeUnit.NANOSECONDS.toMillis(2 * LIMIT_NANOS));
        assertEquals("", worker.hang());
    }

    @Test
    void shouldSayWhereItHangsOnceItWasAskedForTheWholeLimit() throws InterruptedException {
        worker.start();
        String hang = worker.hang();
        while (hang.isEmpty()) {
            Thread.sleep(1);
            hang = worker.hang();
        }
        assertTrue(hang.startsWith("the guest did not come back in 40 ms; it is at "), hang);
        end.countDown();
        while (worker.isAlive()) {
            Thread.sleep(1);
        }
        assertEquals("", worker.hang());
    }
}
