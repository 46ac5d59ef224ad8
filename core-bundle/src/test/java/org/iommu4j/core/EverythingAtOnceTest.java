package org.iommu4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.fake.Bench;
import org.iommu4j.core.fake.FakeBackend;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.RequestBatch;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.core.service.SwapReport.Outcome;
import org.iommu4j.core.service.Unit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Everything at once: clients open, attach, bind, ask, submit and close, devices access memory, threads are interrupted,
 * limits run out, backends are swapped both ways, leave, come, throw and hang. {@code -Diommu4j.stress.seconds=N} makes it
 * long; what failed prints its seed.
 *
 * <p>Held all the time: no two open containers of a unit have one number; no device translates by another container's table,
 * or after its container was closed; every request is answered and counted once; every answer is one that the contract
 * allows; no closing is forgotten; nobody is stuck; and at the end a swap works. That nothing is doubled or reordered is
 * held by {@link SwapStressTest}, where no backend loses its numbers.
 */
@Tag("stress")
@Timeout(3600)
class EverythingAtOnceTest {
    private static final long SECONDS = Long.getLong("iommu4j.stress.seconds", 4);
    private static final SwapLimits LIMITS = new SwapLimits(200_000_000L, 500_000_000L);
    private static final long STUCK_NANOS = TimeUnit.SECONDS.toNanos(20);

    /** The answers that a request may get while backends come, go, hang and fail. */
    private static final Set<Errno> TYPED = EnumSet.of(
            Errno.OK, Errno.EIO, Errno.ENODEV, Errno.EBUSY, Errno.ETIMEDOUT, Errno.ESTALE, Errno.EPROTONOSUPPORT);

    private final Bench bench = new Bench();
    private final AtomicBoolean stop = new AtomicBoolean();
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private final AtomicLong longest = new AtomicLong();
    private final AtomicLong requests = new AtomicLong();
    private final Set<Integer> open = ConcurrentHashMap.newKeySet();
    private final List<Thread> threads = new ArrayList<>();
    private Unit unit;

    private Thread start(String name, long seed, Work work) {
        Thread thread = new Thread(
                () -> {
                    try {
                        Random random = new Random(seed);
                        while (!stop.get() && failure.get() == null) {
                            work.once(random);
                        }
                    } catch (Throwable t) {
                        failure.compareAndSet(null, t);
                    }
                },
                name);
        thread.setDaemon(true);
        threads.add(thread);
        thread.start();
        return thread;
    }

    private interface Work {
        void once(Random random) throws Exception;
    }

    /** The life of one container, from open to closed. */
    private void live(int device, Random random) {
        Container container;
        try {
            container = unit.openContainer(Bench.client(1, random.nextInt(4) == 0 ? 1 : 3000, 2000));
        } catch (BackendException e) {
            assertTrue(TYPED.contains(e.errno()), e::getMessage);
            return;
        }
        Completion completion = new Completion();
        assertTrue(open.add(container.id()), "two containers have number " + container.id());
        long table = (long) device << 12;
        boolean attached = typed(container.attach(device, table, 4, completion), completion);
        long number = 0;
        long binds = 0;
        long told = 0;
        for (int round = random.nextInt(30); round > 0; round--) {
            long began = System.nanoTime();
            int count = 1 + (random.nextBoolean() ? 0 : random.nextInt(300));
            if (count == 1) {
                told += typed(send(container, Bench.invalidate(1, ++number), completion), completion) ? 1 : 0;
            } else {
                RequestBatch batch = new RequestBatch(count);
                for (int i = 0; i < count; i++) {
                    byte[] request = Bench.invalidate(1, ++number);
                    batch.add(request, 0, request.length);
                }
                int done = container.submit(batch);
                int handled = 0;
                for (int i = 0; i < count; i++) {
                    typed(0, batch.completion(i));
                    handled += batch.completion(i).handled();
                }
                assertEquals(handled, done);
                told += done;
            }
            requests.addAndGet(count);
            if (attached && random.nextInt(8) == 0) {
                told += typed(send(container, Bench.bind(1, device, table, false), completion), completion) ? 1 : 0;
                binds++;
            }
            if (attached) {
                expectOwnTable(device, table);
            }
            longest.accumulateAndGet(System.nanoTime() - began, Math::max);
        }
        assertEquals(number + binds, container.counters().received());
        assertEquals(told, container.counters().completed());
        open.remove(container.id());
        long began = System.nanoTime();
        while (container.close(completion) != 0 && completion.errno() != Errno.EIO && !stop.get()) {
            assertTrue(TYPED.contains(completion.errno()), completion::toString);
            assertTrue(System.nanoTime() - began < STUCK_NANOS, "a closing is forgotten: " + completion);
        }
        DmaAccess access = new DmaAccess();
        unit.dma(access.begin(device, 4, DmaAccess.READ));
        assertFalse(access.outcome() == DmaAccess.Outcome.TRANSLATED, "a device of a closed container translates");
    }

    private static int send(Container container, byte[] request, Completion completion) {
        return container.ioctl(Uapi.VFIO_IOMMU_OP, request, 0, request.length, completion);
    }

    private static boolean typed(int code, Completion completion) {
        assertTrue(TYPED.contains(completion.errno()), completion::toString);
        assertEquals(completion.errno() == Errno.OK ? 1 : 0, completion.handled());
        return completion.errno() == Errno.OK && code <= 0;
    }

    private void expectOwnTable(int device, long table) {
        DmaAccess access = new DmaAccess();
        unit.dma(access.begin(device, 4, DmaAccess.READ));
        if (access.outcome() == DmaAccess.Outcome.TRANSLATED) {
            assertEquals(table + 4, access.spa(), "device " + device);
        }
    }

    private void trouble(FakeBackend backend, Random random) {
        String method = List.of("invalidate", "finish", "bind", "attach", "openDomain", "closeDomain", "translate")
                .get(random.nextInt(7));
        backend.traps().on(method, () -> {
            if (random.nextInt(3) == 0) {
                throw new IllegalStateException("on purpose");
            }
            LockSupport.parkNanos(1_000_000L << random.nextInt(9));
        });
        LockSupport.parkNanos(2_000_000);
        backend.traps().off(method);
    }

    @Test
    void shouldHoldEveryPromise() throws Exception {
        long seed = Long.getLong("iommu4j.stress.seed", System.nanoTime());
        List<FakeBackend> backends = new ArrayList<>();
        backends.add(bench.arrived("1.0.0").pieces(10));
        backends.add(bench.arrived("1.1.0").pieces(10));
        unit = bench.unit(1);
        List<Thread> clients = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            int device = 10 + i;
            clients.add(start("client " + i, seed + i, random -> live(device, random)));
        }
        start("interrupter", seed + 100, random -> {
            clients.get(random.nextInt(clients.size())).interrupt();
            Thread.sleep(random.nextInt(20));
        });
        Random random = new Random(seed + 200);
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
        int done = 0;
        for (int number = 0; System.nanoTime() < end && failure.get() == null; number++) {
            FakeBackend any = backends.get(random.nextInt(backends.size()));
            switch (random.nextInt(6)) {
                case 0 -> trouble(any, random);
                case 1 -> {
                    FakeBackend next = bench.backend("2." + number + ".0").pieces(10);
                    bench.core.leaving(any);
                    backends.remove(any);
                    bench.core.arrived(next);
                    backends.add(next);
                }
                case 2 -> bench.core.forceSwap(IommuModel.INTEL, any.version(), LIMITS);
                default -> {
                    SwapReport report = bench.core.swap(IommuModel.INTEL, any.version(), LIMITS);
                    done += report.outcome() == Outcome.DONE ? 1 : 0;
                }
            }
        }
        stop.set(true);
        for (Thread thread : threads) {
            thread.join(TimeUnit.NANOSECONDS.toMillis(STUCK_NANOS));
            assertFalse(thread.isAlive(), "seed " + seed + ": " + thread.getName() + " is stuck");
        }
        if (failure.get() != null) {
            throw new AssertionError("seed " + seed, failure.get());
        }
        assertTrue(longest.get() < STUCK_NANOS, longest + " ns");
        assertTrue(done > 0 && requests.get() > 100, done + " swaps, " + requests + " requests");
        FakeBackend last = bench.backend("9.0.0");
        bench.core.arrived(last);
        List<SwapReport> swaps = bench.core.swaps();
        assertEquals(Outcome.DONE, swaps.get(swaps.size() - 1).outcome(), swaps::toString);
        Container container = Bench.container(unit, 1);
        assertEquals(Errno.OK, Bench.send(container, Bench.invalidate(1, 1)).errno());
        bench.close();
    }
}
