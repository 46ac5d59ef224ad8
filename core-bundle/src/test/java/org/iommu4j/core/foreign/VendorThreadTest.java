package org.iommu4j.core.foreign;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Both ways in which foreign code runs in a bounded time. */
@Timeout(60)
class VendorThreadTest {
    private static final long LIMIT_NANOS = TimeUnit.MILLISECONDS.toNanos(200);

    private static <T> T run(VendorThread thread, boolean haste, Callable<T> work) throws VendorFailure {
        return haste
                ? thread.call("the work", LIMIT_NANOS, work)
                : thread.callWithoutHaste("the work", LIMIT_NANOS, work);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void shouldAnswerWithWhatTheWorkCameTo(boolean haste) throws VendorFailure {
        try (VendorThread thread = new VendorThread("test")) {
            assertEquals("first", run(thread, haste, () -> "first"));
            assertEquals("second", run(thread, haste, () -> "second"));
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void shouldGiveUpWorkThatWaitsForEver(boolean haste) {
        CountDownLatch never = new CountDownLatch(1);
        try (VendorThread thread = new VendorThread("test")) {
            VendorFailure failure = assertThrows(
                    VendorFailure.class,
                    () -> run(thread, haste, () -> {
                        never.await();
                        return null;
                    }));
            assertTrue(failure.getMessage().startsWith("the work did not end within 200 ms"), failure::getMessage);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void shouldGiveUpWorkThatComputesForEver(boolean haste) {
        CountDownLatch end = new CountDownLatch(1);
        try (VendorThread thread = new VendorThread("test")) {
            VendorFailure failure = assertThrows(
                    VendorFailure.class,
                    () -> run(thread, haste, () -> {
                        while (end.getCount() > 0) {
                            Thread.onSpinWait();
                        }
                        return null;
                    }));
            assertTrue(failure.getMessage().startsWith("the work did not end within 200 ms"), failure::getMessage);
        } finally {
            end.countDown();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void shouldFinishTheWorkOfACallerWhoIsInterruptedAndLeaveItInterrupted(boolean haste) throws VendorFailure {
        try (VendorThread thread = new VendorThread("test")) {
            Thread.currentThread().interrupt();
            assertEquals("done", run(thread, haste, () -> {
                TimeUnit.MILLISECONDS.sleep(20);
                return "done";
            }));
            assertTrue(Thread.interrupted());
            assertFalse(Thread.currentThread().isInterrupted());
        }
    }
}
