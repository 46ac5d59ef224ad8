package org.iommu4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.core.containers.CoreUnit;
import org.iommu4j.core.fake.Bench;
import org.iommu4j.core.fake.FakeBackend;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.core.service.SwapReport.Outcome;
import org.iommu4j.core.service.Unit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A close ends its own container, once, and at once; whatever else goes on. */
@Timeout(60)
class CloseTest {
    private final Bench bench = new Bench();
    private final List<Thread> threads = new ArrayList<>();
    private FakeBackend old;
    private Unit unit;

    @BeforeEach
    void open() {
        old = bench.arrived("1.0.0");
        unit = bench.unit(1);
    }

    @AfterEach
    void close() {
        bench.close();
    }

    private Thread start(Runnable work) {
        Thread thread = new Thread(work);
        thread.setDaemon(true);
        threads.add(thread);
        thread.start();
        return thread;
    }

    private void awaitParked(long total) {
        CoreUnit core = (CoreUnit) unit;
        while (core.gate().parkedTotal() < total) {
            Thread.onSpinWait();
        }
    }

    private long translate(int requester) {
        DmaAccess access = new DmaAccess();
        unit.dma(access.begin(requester, 4, DmaAccess.READ));
        return access.outcome() == DmaAccess.Outcome.TRANSLATED ? access.spa() : -1;
    }

    /** Holds a swap inside the new backend's restore until the latch opens. */
    private CountDownLatch heldSwap(String version, AtomicReference<SwapReport> report) throws Exception {
        CountDownLatch in = new CountDownLatch(1);
        CountDownLatch out = new CountDownLatch(1);
        FakeBackend next = bench.backend(version);
        next.traps().on("restoreHardware", () -> {
            in.countDown();
            Bench.hangUntil(out);
        });
        start(() -> {
            bench.core.arrived(next);
            List<SwapReport> swaps = bench.core.swaps();
            report.set(swaps.get(swaps.size() - 1));
        });
        assertTrue(in.await(10, TimeUnit.SECONDS));
        return out;
    }

    @Test
    void shouldNotCloseTheDomainOfWhoeverGotTheNumberMeanwhile() throws Exception {
        Container first = Bench.container(unit, 1);
        first.attach(7, 0x1000, 4, new Completion());
        AtomicReference<SwapReport> report = new AtomicReference<>();
        CountDownLatch swap = heldSwap("1.1.0", report);
        AtomicReference<Container> second = new AtomicReference<>();
        Thread opener = start(() -> second.set(Bench.container(unit, 1)));
        awaitParked(1);
        AtomicInteger answer = new AtomicInteger(1);
        Thread closer = start(() -> answer.set(first.close(new Completion())));
        awaitParked(2);
        swap.countDown();
        opener.join();
        closer.join();
        assertEquals(0, answer.get());
        Container third = Bench.container(unit, 1);
        assertNotEquals(second.get().id(), third.id());
        assertEquals(0, second.get().attach(8, 0x2000, 4, new Completion()));
        assertEquals(0, third.attach(9, 0x3000, 4, new Completion()));
        assertEquals(0x2004, translate(8));
        assertEquals(0x3004, translate(9));
        assertEquals(-1, translate(7));
        assertEquals(0, second.get().close(new Completion()));
        assertEquals(0x3004, translate(9));
        assertEquals(0, first.close(new Completion()));
        assertEquals(0x3004, translate(9));
        assertEquals(Outcome.DONE, bench.swap("1.0.0").outcome());
        assertEquals(0x3004, translate(9));
    }

    @Test
    void shouldNotKeepLaterSwapsFromHappeningWhenTheCloseRanOutOfTime() throws Exception {
        Container first = unit.openContainer(Bench.client(1, 50, 10));
        AtomicReference<SwapReport> report = new AtomicReference<>();
        CountDownLatch swap = heldSwap("1.1.0", report);
        AtomicReference<Container> second = new AtomicReference<>();
        Thread opener = start(() -> second.set(Bench.container(unit, 1)));
        awaitParked(1);
        Completion completion = new Completion();
        assertNotEquals(0, first.close(completion));
        assertTrue(completion.reason().contains("closes the container"), completion.reason());
        swap.countDown();
        opener.join();
        assertNotNull(second.get());
        for (int i = 0; i < 4; i++) {
            assertEquals(
                    Outcome.DONE, bench.swap(i % 2 == 0 ? "1.0.0" : "1.1.0").outcome());
        }
        bench.core.leaving(old);
        assertEquals(Errno.OK, Bench.send(second.get(), Bench.invalidate(1, 1)).errno());
        assertEquals(0, first.close(completion));
        assertEquals(Errno.OK, Bench.send(second.get(), Bench.invalidate(1, 2)).errno());
    }

    @Test
    void shouldRefuseAndBlockFromTheCallOnAndCloseAsSoonAsTheUnitIsFree() throws Exception {
        Container closed = unit.openContainer(Bench.client(1, 50, 10));
        closed.attach(7, 0x1000, 4, new Completion());
        Container other = Bench.container(unit, 1);
        CountDownLatch in = new CountDownLatch(1);
        CountDownLatch out = new CountDownLatch(1);
        old.traps().on("invalidate", () -> {
            in.countDown();
            Bench.hangUntil(out);
        });
        Thread busy = start(() -> Bench.send(other, Bench.invalidate(1, 1)));
        assertTrue(in.await(10, TimeUnit.SECONDS));
        Completion completion = new Completion();
        assertEquals(Errno.ETIMEDOUT.code(), closed.close(completion));
        assertTrue(completion.reason().contains("closes the container"), completion.reason());
        assertEquals(Errno.ESTALE, Bench.send(closed, Bench.invalidate(1, 1)).errno());
        assertEquals(Errno.ESTALE.code(), closed.attach(8, completion));
        assertEquals(-1, translate(7));
        assertFalse(bench.journal.events().contains("1.0.0 close 0"));
        old.traps().off("invalidate");
        out.countDown();
        busy.join();
        // Nobody came after the one who was inside: it has closed the container itself.
        assertTrue(bench.journal.events().contains("1.0.0 close 0"), bench.journal.events()::toString);
        assertEquals(0, closed.close(completion));
        assertEquals(0, other.attach(7, 0x2000, 4, completion));
        assertEquals(0x2004, translate(7));
    }

    @Test
    void shouldCloseFromInsideTheUnitWhenTheCallComesOut() {
        Container container = Bench.container(unit, 1);
        Completion completion = new Completion();
        AtomicInteger answer = new AtomicInteger();
        unit.tap(bytes -> answer.set(container.close(completion)));
        assertEquals(Errno.OK, Bench.send(container, Bench.invalidate(1, 1)).errno());
        assertEquals(Errno.EBUSY.code(), answer.get());
        unit.tap(null);
        assertTrue(bench.journal.events().contains("1.0.0 close 0"));
        assertEquals(0, container.close(completion));
    }

    @Test
    void shouldGoOnWithoutAContainerThatTheNewChipCannotClose() {
        Container bad = Bench.container(unit, 1);
        bad.attach(7, 0x1000, 4, new Completion());
        Container good = Bench.container(unit, 1);
        bench.core.leaving(old);
        bad.close();
        FakeBackend next = bench.backend("1.1.0");
        next.traps().on("closeDomain", () -> {
            throw new IllegalStateException("cannot");
        });
        bench.core.arrived(next);
        List<SwapReport> swaps = bench.core.swaps();
        SwapReport report = swaps.get(swaps.size() - 1);
        assertEquals(Outcome.DONE, report.outcome(), report::toString);
        assertEquals(1, report.lost().size());
        assertEquals(-1, translate(7));
        assertEquals(Errno.OK, Bench.send(good, Bench.invalidate(1, 1)).errno());
        Completion completion = new Completion();
        assertEquals(Errno.EIO.code(), bad.close(completion));
        next.traps().off("closeDomain");
        // The number is not given out again: the chip may hold something under it.
        assertEquals(2, Bench.container(unit, 1).id());
        bench.arrived("1.2.0");
        assertEquals(Errno.OK, Bench.send(good, Bench.invalidate(1, 2)).errno());
        assertEquals(-1, translate(7));
    }

    /** Null if a swap kept the unit for longer than the client waits. */
    private Container opened(long waitMillis) {
        try {
            return unit.openContainer(Bench.client(1, waitMillis, 10));
        } catch (BackendException e) {
            return null;
        }
    }

    @Test
    @Tag("stress")
    @Timeout(3600)
    void shouldNeverShareANumberWhenTenClientsOpenAndCloseUnderSwaps() throws Exception {
        bench.arrived("1.1.0");
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(Long.getLong("iommu4j.stress.seconds", 2));
        AtomicBoolean stop = new AtomicBoolean();
        AtomicReference<String> wrong = new AtomicReference<>();
        Set<Integer> taken = ConcurrentHashMap.newKeySet();
        for (int client = 0; client < 10; client++) {
            int device = 1 + client;
            start(() -> {
                while (!stop.get()) {
                    Container container = opened(device % 2 == 0 ? 2 : 5000);
                    if (container == null) {
                        continue;
                    }
                    Completion completion = new Completion();
                    if (!taken.add(container.id())) {
                        wrong.set("number " + container.id() + " is shared");
                    }
                    container.attach(device, (long) device << 12, 4, completion);
                    if (completion.errno() == Errno.OK && translate(device) != ((long) device << 12) + 4) {
                        wrong.compareAndSet(null, "device " + device + " is not bound to its own table");
                    }
                    Bench.send(container, Bench.invalidate(1, 1));
                    taken.remove(container.id());
                    while (container.close(completion) != 0) {
                        Thread.onSpinWait();
                    }
                }
            });
        }
        int swaps = 0;
        Set<Outcome> outcomes = new HashSet<>();
        while (System.nanoTime() < end) {
            outcomes.add(bench.swap(swaps++ % 2 == 0 ? "1.0.0" : "1.1.0").outcome());
        }
        stop.set(true);
        for (Thread thread : threads) {
            thread.join(10_000);
            assertFalse(thread.isAlive(), "a client is stuck");
        }
        assertEquals(null, wrong.get());
        // A machine that is busy with other work may let the limits of single swaps run out; none fails for good.
        outcomes.remove(Outcome.ROLLED_BACK);
        assertEquals(Set.of(Outcome.DONE), outcomes);
        assertTrue(swaps >= 10, swaps + " swaps");
        assertEquals(
                Outcome.DONE, bench.swap(swaps % 2 == 0 ? "1.0.0" : "1.1.0").outcome());
        assertEquals(0, Bench.container(unit, 1).id());
    }
}
