package org.iommu4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.fake.Bench;
import org.iommu4j.core.fake.FakeBackend;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.RequestBatch;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.core.service.SwapReport.Outcome;
import org.iommu4j.core.service.Unit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Clients that number their requests, while backends are swapped, leave, break and come back: the number that comes next is
 * part of the state that is handed over, so that the fakes see a request that is lost, doubled or out of order.
 */
@Tag("stress")
@Timeout(120)
class SwapStressTest {
    private static final long NANOS = TimeUnit.MILLISECONDS.toNanos(1500);

    private final Bench bench = new Bench();
    private final AtomicBoolean stop = new AtomicBoolean();
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private final AtomicLong longest = new AtomicLong();
    private final List<Thread> threads = new ArrayList<>();
    private final List<Container> containers = new ArrayList<>();
    private final List<long[]> sent = new ArrayList<>();
    private FakeBackend first;
    private FakeBackend second;

    @BeforeEach
    void open() {
        first = bench.arrived("1.0.0");
        second = bench.arrived("1.1.0");
        Unit one = bench.unit(1);
        Unit two = bench.unit(2);
        client(one, 1, false);
        client(one, 1, true);
        client(two, 2, true);
        device(one, 1);
    }

    @AfterEach
    void close() {
        bench.close();
    }

    private void client(Unit unit, int subVersion, boolean inBatches) {
        Container container = Bench.container(unit, subVersion);
        long[] count = new long[1];
        containers.add(container);
        sent.add(count);
        start(() -> {
            RequestBatch batch = new RequestBatch(16);
            while (!stop.get()) {
                long began = System.nanoTime();
                if (inBatches) {
                    batch.clear();
                    for (int i = 0; i < 16; i++) {
                        byte[] request = Bench.invalidate(subVersion, ++count[0]);
                        batch.add(request, 0, request.length);
                    }
                    assertEquals(16, container.submit(batch), () -> String.valueOf(batch.completion(0)));
                } else {
                    Completion completion = Bench.send(container, Bench.invalidate(subVersion, ++count[0]));
                    assertEquals(Errno.OK, completion.errno(), completion::toString);
                }
                longest.accumulateAndGet(System.nanoTime() - began, Math::max);
            }
        });
    }

    private void device(Unit unit, int subVersion) {
        Container container = Bench.container(unit, subVersion);
        container.attach(7, 0x1000, 4, new Completion());
        start(() -> {
            DmaAccess access = new DmaAccess();
            while (!stop.get()) {
                unit.dma(access.begin(7, 4, DmaAccess.READ));
                assertEquals(0x1004, access.spa());
            }
        });
    }

    private void start(Runnable work) {
        Thread thread = new Thread(() -> {
            try {
                work.run();
            } catch (RuntimeException | Error e) {
                failure.compareAndSet(null, e);
            }
        });
        thread.setDaemon(true);
        threads.add(thread);
        thread.start();
    }

    private void finish() throws Exception {
        stop.set(true);
        for (Thread thread : threads) {
            thread.join();
        }
        if (failure.get() != null) {
            throw new AssertionError("a client failed", failure.get());
        }
        for (int i = 0; i < containers.size(); i++) {
            assertEquals(sent.get(i)[0], containers.get(i).counters().completed());
        }
        // Clients wait for 5 s at most: one that sleeps so long has missed its wake-up.
        assertTrue(longest.get() < TimeUnit.MILLISECONDS.toNanos(4500), longest + " ns");
        for (String event : bench.journal.events()) {
            assertFalse(event.contains("after"), event);
        }
    }

    @Test
    void shouldNeitherLoseDoubleNorReorderWhenSwappedBothWays() throws Exception {
        long end = System.nanoTime() + NANOS;
        int swaps = 0;
        while (System.nanoTime() < end) {
            SwapReport report = bench.swap(swaps % 2 == 0 ? "1.0.0" : "1.1.0");
            assertEquals(Outcome.DONE, report.outcome(), report::toString);
            swaps++;
        }
        finish();
        assertTrue(swaps >= 10, swaps + " swaps");
    }

    @Test
    void shouldNeitherLoseDoubleNorReorderWhenBackendsLeaveAndBreak() throws Exception {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        long end = System.nanoTime() + NANOS;
        int number = 0;
        bench.core.leaving(first);
        FakeBackend serving = second;
        while (System.nanoTime() < end && failure.get() == null) {
            FakeBackend next = bench.backend("2." + number++ + ".0");
            switch (random.nextInt(4)) {
                case 0 -> {
                    next.traps().on("restoreTranslator", () -> {
                        throw new IllegalStateException("broken");
                    });
                    bench.core.arrived(next);
                    bench.core.leaving(next);
                }
                case 1 -> {
                    bench.core.leaving(serving);
                    Thread.sleep(random.nextInt(3));
                    bench.core.arrived(next);
                    serving = next;
                }
                case 2 -> {
                    bench.core.arrived(next);
                    bench.core.leaving(serving);
                    serving = next;
                }
                default -> {
                    next.traps().on("bindFormats", () -> {
                        throw new LinkageError("broken");
                    });
                    bench.core.arrived(next);
                }
            }
        }
        finish();
        assertTrue(number >= 10, "seed " + seed + ": " + number + " backends");
    }

    @Test
    void shouldKeepTheOrderOfManyThreadsOfOneContainer() throws Exception {
        Container container = containers.get(0);
        assertEquals(1, container.agreement().clientSubVersion());
        Container shared = Bench.container(bench.unit(1), 1);
        long[] next = new long[1];
        for (int t = 0; t < 3; t++) {
            start(() -> {
                Completion completion = new Completion();
                while (!stop.get()) {
                    synchronized (next) {
                        byte[] request = Bench.invalidate(1, ++next[0]);
                        shared.ioctl(Uapi.VFIO_IOMMU_OP, request, 0, request.length, completion);
                    }
                    assertEquals(Errno.OK, completion.errno(), completion::toString);
                }
            });
        }
        long end = System.nanoTime() + NANOS / 3;
        for (int swaps = 0; System.nanoTime() < end; swaps++) {
            assertEquals(
                    Outcome.DONE, bench.swap(swaps % 2 == 0 ? "1.0.0" : "1.1.0").outcome());
        }
        finish();
        assertEquals(next[0], shared.counters().completed());
    }
}
