package org.iommu4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.fake.Bench;
import org.iommu4j.core.fake.FakeBackend;
import org.iommu4j.core.fake.RecordingRequests;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.Guest;
import org.iommu4j.core.service.RequestBatch;
import org.iommu4j.core.service.SwapReport.Outcome;
import org.iommu4j.core.service.Unit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.Timeout;

/** Requests and batches that take long let others, and swaps, in; and stay one request to their client. */
@Timeout(60)
class LongRequestTest {
    private static final int MOST_TRIES = 5;

    private final Bench bench = new Bench();
    private FakeBackend backend;
    private Unit unit;
    private Container container;

    @BeforeEach
    void open() {
        backend = bench.arrived("1.0.0").pieces(10);
        unit = bench.unit(1);
        container = Bench.container(unit, 1);
    }

    @AfterEach
    void close() {
        bench.close();
    }

    private static byte[] range(int flags, long pages) {
        return Bench.writer(1).invalidate(Uapi.SCOPE_VADDR, flags, 0, 0, pages << 12, new byte[0]);
    }

    private List<String> pieces() {
        return bench.journal.events().stream()
                .filter(event -> event.contains(" pages "))
                .toList();
    }

    private static Thread start(Runnable work) {
        Thread thread = new Thread(work);
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    @Test
    void shouldBeOneRequestToItsClient() {
        Completion completion = Bench.send(container, range(Uapi.FLAGS_VADDR_LEAF, 25));
        assertEquals(Errno.OK, completion.errno());
        assertEquals(1, completion.handled());
        assertEquals(Fidelity.WIDENED, completion.fidelity());
        assertEquals(List.of("1.0.0 pages 0 0..10", "1.0.0 pages 0 10..20", "1.0.0 pages 0 20..25"), pieces());
        assertEquals(1, container.counters().received());
        assertEquals(1, container.counters().completed());
    }

    @Test
    void shouldGoOnInTheNewBackendWhenASwapComesBetween() throws Exception {
        bench.core.arrived(bench.backend("1.1.0").pieces(1000));
        assertEquals(Outcome.DONE, bench.swap("1.0.0").outcome());
        CountDownLatch in = new CountDownLatch(1);
        backend.traps().on("piece", () -> {
            in.countDown();
            LockSupport.parkNanos(1_000_000);
        });
        Completion[] answer = new Completion[1];
        Thread client = start(() -> answer[0] = Bench.send(container, range(Uapi.FLAGS_VADDR_LEAF, 100_000)));
        assertTrue(in.await(10, TimeUnit.SECONDS));
        assertEquals(Outcome.DONE, bench.swap("1.1.0").outcome());
        client.join();
        assertEquals(Errno.OK, answer[0].errno(), answer[0]::toString);
        assertEquals(Fidelity.WIDENED, answer[0].fidelity());
        assertEquals(1, container.counters().completed());
        long next = 0;
        boolean changed = false;
        for (String piece : pieces()) {
            String[] ends = piece.substring(piece.lastIndexOf(' ') + 1).split("\\.\\.", -1);
            assertEquals(next, Long.parseLong(ends[0]), piece);
            next = Long.parseLong(ends[1]);
            changed |= piece.startsWith("1.1.0");
        }
        assertEquals(100_000, next);
        assertTrue(changed);
    }

    /** A guest whose commands are requests to the container, with the answer to the last. */
    private final class Vcpu extends RecordingRequests {
        private final Guest guest = unit.openGuest(HardwareConfig.of(1), this);
        private final CountDownLatch in = new CountDownLatch(1);
        private volatile Completion answer;
        private final AtomicInteger sent = new AtomicInteger();
        private Thread thread;

        /** The pieces of its requests take a millisecond from now on. */
        Vcpu slowly(FakeBackend... backends) {
            for (FakeBackend slow : backends) {
                slow.traps().on("piece", () -> {
                    in.countDown();
                    LockSupport.parkNanos(1_000_000);
                });
            }
            return this;
        }

        /** Executes a command and waits until it is under way. */
        Vcpu execute(byte[] command) throws InterruptedException {
            thread = start(() -> guest.command(command));
            assertTrue(in.await(10, TimeUnit.SECONDS));
            return this;
        }

        Completion ended() throws InterruptedException {
            thread.join(20_000);
            assertFalse(thread.isAlive());
            return answer;
        }

        String backend() {
            return guest.commandName(new byte[16]);
        }

        @Override
        public Completion request(int guestDomain, byte[] bytes) {
            sent.incrementAndGet();
            Completion own = Bench.send(container, bytes);
            answer = own;
            return own;
        }
    }

    private void expectOneRequestOver(int pages) {
        long next = 0;
        for (String piece : pieces()) {
            String[] ends = piece.substring(piece.lastIndexOf(' ') + 1).split("\\.\\.", -1);
            assertEquals(next, Long.parseLong(ends[0]), piece);
            next = Long.parseLong(ends[1]);
        }
        assertEquals(pages, next);
        assertEquals(Map.of(), container.counters().refused());
        assertEquals(1, container.counters().completed());
    }

    @Test
    void shouldGoOnInTheNewBackendThoughItsVirtualIommuIsInside() throws Exception {
        Vcpu vcpu = new Vcpu().slowly(backend);
        vcpu.guest.writeRegister(0, 8, 7);
        vcpu.execute(range(0, 2_000));
        long begun = System.nanoTime();
        bench.core.arrived(bench.backend("1.1.0").pieces(1000));
        assertTrue(System.nanoTime() - begun < TimeUnit.SECONDS.toNanos(10));
        assertEquals("1.1.0", bench.core.backend(IommuModel.INTEL).describe().version());
        assertEquals(Errno.OK, vcpu.ended().errno(), vcpu.answer::toString);
        assertEquals(1, vcpu.sent.get());
        expectOneRequestOver(2_000);
        assertEquals("command of 1.1.0", vcpu.backend());
        assertEquals(7, vcpu.guest.readRegister(0, 8));
    }

    @Test
    void shouldServeOthersAndManySwapsWhileAGuestsRequestGoesOn() throws Exception {
        FakeBackend second = bench.backend("1.1.0").pieces(10);
        bench.core.arrived(second);
        Vcpu vcpu = new Vcpu().slowly(backend, second).execute(range(0, 4_000));
        Container other = Bench.container(unit, 1);
        int swaps = 0;
        for (; vcpu.thread.isAlive(); swaps++) {
            assertEquals(
                    Outcome.DONE, bench.swap(swaps % 2 == 0 ? "1.0.0" : "1.1.0").outcome());
            assertEquals(
                    Errno.OK, Bench.send(other, Bench.invalidate(1, swaps + 1)).errno());
        }
        assertTrue(swaps >= 10, () -> "so the request was inside over many swaps");
        assertEquals(Errno.OK, vcpu.ended().errno(), vcpu.answer::toString);
        expectOneRequestOver(4_000);
        assertEquals(
                "command of " + bench.core.backend(IommuModel.INTEL).describe().version(), vcpu.backend());
    }

    @Test
    void shouldLetOtherCallsOfTheGuestWaitForTheBackendThatFollows() throws Exception {
        Vcpu vcpu = new Vcpu().slowly(backend).execute(range(0, 2_000));
        bench.core.arrived(bench.backend("1.1.0").pieces(10));
        assertEquals("command of 1.1.0", vcpu.backend());
        assertEquals(Errno.OK, vcpu.ended().errno(), vcpu.answer::toString);
    }

    @Test
    void shouldLetASwapInBetweenTheManyRequestsOfOneCommand() throws Exception {
        CountDownLatch in = new CountDownLatch(1);
        AtomicBoolean stop = new AtomicBoolean();
        Guest guest = unit.openGuest(HardwareConfig.of(1), new RecordingRequests() {
            @Override
            public Completion request(int guestDomain, byte[] bytes) {
                Completion answer = new Completion();
                for (int i = 1; !stop.get(); i++) {
                    answer = Bench.send(container, Bench.invalidate(1, i));
                    assertEquals(Errno.OK, answer.errno(), answer::toString);
                    in.countDown();
                }
                return answer;
            }
        });
        Thread vcpu = start(() -> guest.command(new byte[16]));
        assertTrue(in.await(10, TimeUnit.SECONDS));
        bench.core.arrived(bench.backend("1.1.0"));
        assertEquals(
                List.of(Outcome.DONE),
                bench.core.swaps().stream().map(swap -> swap.outcome()).toList());
        stop.set(true);
        vcpu.join();
        assertEquals("command of 1.1.0", guest.commandName(new byte[16]));
    }

    @Test
    void shouldStayWithItsBackendIfItCannotFollowAndGoOnWhenThatLeaves() throws Exception {
        Vcpu vcpu = new Vcpu().slowly(backend).execute(range(0, 2_000));
        FakeBackend picky = bench.backend("1.1.0").pieces(1000);
        picky.traps().on("restoreGuestDecoder", () -> {
            throw new IllegalStateException("not this time");
        });
        bench.core.arrived(picky);
        assertEquals(Errno.OK, vcpu.ended().errno(), vcpu.answer::toString);
        assertEquals("command of 1.0.0", vcpu.backend());
        vcpu.guest.command(range(0, 10));
        assertEquals(Errno.OK, vcpu.answer.errno(), vcpu.answer::toString);
        picky.traps().off("restoreGuestDecoder");
        bench.core.leaving(backend);
        assertEquals("command of 1.1.0", vcpu.backend());
    }

    @Test
    void shouldEndUnfinishedWhenTheBackendOfItsVirtualIommuLeaves() throws Exception {
        Vcpu vcpu = new Vcpu().slowly(backend).execute(range(0, 1_000_000));
        bench.core.leaving(backend);
        assertEquals(Errno.EBUSY, vcpu.ended().errno(), vcpu.answer::toString);
        assertEquals(Map.of("EBUSY", 1L), container.counters().refused());
        bench.arrived("1.1.0");
        assertEquals("command of 1.1.0", vcpu.backend());
        vcpu.guest.command(range(0, 10));
        assertEquals(Errno.OK, vcpu.answer.errno(), vcpu.answer::toString);
    }

    @Test
    void shouldEndUnfinishedWhenItsBackendLeavesAfterASwapThatDidNotWaitForIt() throws Exception {
        FakeBackend second = bench.backend("1.1.0").pieces(10);
        Vcpu vcpu = new Vcpu().slowly(backend, second).execute(range(0, 1_000_000));
        bench.core.arrived(second);
        bench.core.leaving(backend);
        assertEquals(Errno.EBUSY, vcpu.ended().errno(), vcpu.answer::toString);
        assertEquals("command of 1.1.0", vcpu.backend());
    }

    @Test
    void shouldFailWhenTheBackendComesNoFurther() {
        backend.pieces(0);
        Completion completion = Bench.send(container, range(0, 25));
        assertEquals(Errno.EIO, completion.errno());
        assertEquals(1, container.counters().received());
    }

    @Test
    void shouldLetOthersInBetweenThePiecesOfABatchAndKeepItsOrder() throws Exception {
        Container other = Bench.container(unit, 1);
        RequestBatch batch = new RequestBatch(1000);
        for (int i = 1; i <= 500; i++) {
            byte[] request = Bench.invalidate(1, i);
            batch.add(request, 0, request.length);
        }
        byte[] wide = range(0, 200);
        batch.add(wide, 0, wide.length);
        for (int i = 501; i < 1000; i++) {
            byte[] request = Bench.invalidate(1, i);
            batch.add(request, 0, request.length);
        }
        CountDownLatch in = new CountDownLatch(1);
        backend.traps().on("invalidate", () -> {
            in.countDown();
            LockSupport.parkNanos(50_000);
        });
        int[] done = new int[1];
        Thread client = start(() -> done[0] = container.submit(batch));
        assertTrue(in.await(10, TimeUnit.SECONDS));
        assertEquals(Errno.OK, Bench.send(other, Bench.invalidate(1, 1)).errno());
        assertTrue(client.isAlive());
        bench.arrived("1.1.0");
        client.join();
        assertEquals(1000, done[0]);
        assertEquals(1000, container.counters().completed());
        List<Long> completed = bench.journal.completed(container.id());
        assertEquals(999, completed.size());
        for (int i = 0; i < 999; i++) {
            assertEquals(i + 1, completed.get(i));
        }
        for (int i = 0; i < 1000; i++) {
            assertEquals(1, batch.completion(i).handled());
        }
    }

    /**
     * Results of a guest beside the crowd of other clients.
     *
     * @param asked its requests
     * @param worstMillis the longest that a request and an access took together
     * @param machineMillis how late the machine woke, at worst, a thread that asked nobody for anything
     */
    private record Met(int asked, long worstMillis, long machineMillis) {}

    /**
     * The bar is 250 ms, whatever the machine does. Only if it stood still for more than 100 ms itself, as a control thread
     * shows that asks nobody for anything, does a worse figure not count, and all of it is tried again.
     */
    @Test
    void shouldAnswerAnotherGuestWithinAQuarterOfASecondBesideEightThreadsOfBatches(TestReporter reporter)
            throws Exception {
        Met met = besideEightThreadsOfBatches();
        for (int again = 1; again < MOST_TRIES && met.worstMillis >= 250 && met.machineMillis > 100; again++) {
            met = besideEightThreadsOfBatches();
        }
        reporter.publishEntry("another guest", met.toString());
        assertTrue(met.worstMillis < 250, met::toString);
        assertTrue(met.asked > 100, met::toString);
    }

    private Met besideEightThreadsOfBatches() throws InterruptedException {
        AtomicBoolean stop = new AtomicBoolean();
        List<Thread> threads = new ArrayList<>();
        byte[] request = Bench.writer(1).invalidate(0, 0, 0, 0, 0, new byte[0]);
        int batchSize = 4096;
        for (int i = 0; i < 8; i++) {
            threads.add(start(() -> {
                try (Container crowd = unit.openContainer(Bench.client(1, 30_000, batchSize))) {
                    RequestBatch batch = new RequestBatch(batchSize);
                    for (int r = 0; r < batchSize; r++) {
                        batch.add(request, 0, request.length);
                    }
                    while (!stop.get()) {
                        crowd.submit(batch);
                    }
                }
            }));
        }
        AtomicLong late = new AtomicLong();
        threads.add(start(() -> {
            while (!stop.get()) {
                long began = System.nanoTime();
                LockSupport.parkNanos(1_000_000);
                late.accumulateAndGet(System.nanoTime() - began, Math::max);
            }
        }));
        DmaAccess access = new DmaAccess();
        long worst = 0;
        int asked = 0;
        Thread.sleep(50);
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(2);
        while (System.nanoTime() < end) {
            long began = System.nanoTime();
            assertEquals(Errno.OK, Bench.send(container, request).errno());
            unit.dma(access.begin(1, 0, DmaAccess.READ));
            worst = Math.max(worst, System.nanoTime() - began);
            asked++;
        }
        stop.set(true);
        for (Thread thread : threads) {
            thread.join();
        }
        return new Met(asked, TimeUnit.NANOSECONDS.toMillis(worst), TimeUnit.NANOSECONDS.toMillis(late.get()));
    }
}
