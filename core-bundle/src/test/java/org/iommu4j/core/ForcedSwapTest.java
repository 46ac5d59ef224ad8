package org.iommu4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.fake.Bench;
import org.iommu4j.core.fake.FakeBackend;
import org.iommu4j.core.service.BackendStatus.State;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.RequestBatch;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.core.service.SwapReport.Outcome;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A backend that hangs is given up by force; it has nothing of a client's to write to afterwards. */
@Timeout(60)
class ForcedSwapTest {
    private static final SwapLimits SHORT = new SwapLimits(50_000_000L, 1_000_000_000L);

    private final Bench bench = new Bench();
    private final List<Integer> deviceDrops = new ArrayList<>();
    private final CountDownLatch in = new CountDownLatch(1);
    private final CountDownLatch out = new CountDownLatch(1);
    private FakeBackend old;
    private Unit unit;
    private Container container;

    @BeforeEach
    void open() {
        old = bench.arrived("1.0.0");
        DevicePort devices = (requester, pasid, iova, lengthBytes) -> deviceDrops.add(requester);
        unit = bench.core.openUnit(new UnitConfig(
                IommuModel.INTEL, HardwareConfig.of(1), false, 0, List.of(), (address, data) -> {}, devices));
        container = Bench.container(unit, 1);
        container.attach(7, 0x1000, 4, new Completion());
        bench.core.arrived(bench.backend("0.9.0"));
    }

    @AfterEach
    void close() {
        out.countDown();
        bench.close();
    }

    private long translate(int requester) {
        DmaAccess access = new DmaAccess();
        unit.dma(access.begin(requester, 4, DmaAccess.READ));
        return access.outcome() == DmaAccess.Outcome.TRANSLATED ? access.spa() : -1;
    }

    private static Thread start(Runnable work) {
        Thread thread = new Thread(work);
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    private void expectServing(String version) {
        assertEquals(State.ACTIVE, bench.state(version));
        assertEquals(State.FAILED, bench.state("1.0.0"));
        assertEquals(0x1004, translate(7));
        assertEquals(List.of(7), deviceDrops);
        assertEquals(Errno.OK, Bench.send(container, Bench.invalidate(1, 1)).errno());
        assertEquals(Outcome.DONE, bench.swap("1.0.0").outcome());
        assertEquals(Errno.OK, Bench.send(container, Bench.invalidate(1, 2)).errno());
    }

    @Test
    void shouldGiveABackendUpThatHangsAndAnswerWhoIsInside() throws Exception {
        old.traps().on("invalidate", () -> {
            in.countDown();
            try {
                Thread.sleep(30_000);
            } catch (InterruptedException e) {
                throw new IllegalStateException("interrupted");
            }
        });
        AtomicReference<Completion> answer = new AtomicReference<>();
        AtomicBoolean interrupted = new AtomicBoolean();
        Thread client = start(() -> {
            answer.set(Bench.send(container, Bench.invalidate(1, 1)));
            interrupted.set(Thread.currentThread().isInterrupted());
        });
        assertTrue(in.await(10, TimeUnit.SECONDS));
        assertEquals(
                Outcome.ROLLED_BACK,
                bench.core.swap(IommuModel.INTEL, "0.9.0", SHORT).outcome());
        SwapReport report = bench.core.forceSwap(IommuModel.INTEL, "0.9.0", SHORT);
        assertEquals(Outcome.DONE, report.outcome(), report::toString);
        assertTrue(report.reason().contains("was rebuilt"), report.reason());
        client.join(5000);
        assertFalse(client.isAlive());
        assertEquals(Errno.EIO, answer.get().errno());
        assertFalse(interrupted.get());
        old.traps().off("invalidate");
        expectServing("0.9.0");
    }

    @Test
    void shouldServeEverybodyElseWhileACallNeverComesOut() throws Exception {
        old.traps().on("bind", () -> {
            in.countDown();
            Bench.hangUntil(out);
        });
        AtomicReference<Completion> answer = new AtomicReference<>();
        Thread client = start(() -> answer.set(Bench.send(container, Bench.bind(1, 7, 0x5000, false))));
        assertTrue(in.await(10, TimeUnit.SECONDS));
        assertEquals(
                Outcome.DONE,
                bench.core.forceSwap(IommuModel.INTEL, "0.9.0", SHORT).outcome());
        old.traps().off("bind");
        expectServing("0.9.0");
        out.countDown();
        client.join(5000);
        assertEquals(Errno.EIO, answer.get().errno());
        assertEquals(0x1004, translate(7));
    }

    @Test
    void shouldAnswerABoundedClientAtItsLimitThoughTheCallNeverComesOut() throws Exception {
        Container bounded = unit.openContainer(Bench.client(1, 100, 10).asBounded());
        assertEquals(Errno.OK, Bench.send(bounded, Bench.invalidate(1, 1)).errno());
        RequestBatch batch = new RequestBatch(3);
        for (int i = 2; i <= 3; i++) {
            byte[] request = Bench.invalidate(1, i);
            batch.add(request, 0, request.length);
        }
        assertEquals(2, bounded.submit(batch));
        assertEquals(0, bounded.attach(8, 0x2000, 4, new Completion()));
        assertEquals(List.of(bounded), unit.containers().subList(1, 2));
        old.traps().on("invalidate", () -> {
            in.countDown();
            Bench.hangUntil(out);
        });
        long began = System.nanoTime();
        Completion completion = Bench.send(bounded, Bench.invalidate(1, 4));
        long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
        assertEquals(Errno.ETIMEDOUT, completion.errno());
        assertTrue(millis >= 100 && millis < 3000, millis + " ms");
        assertEquals(0, bounded.submit(batch));
        assertEquals(Errno.ETIMEDOUT, batch.completion(1).errno());
        assertEquals(
                Outcome.DONE,
                bench.core.forceSwap(IommuModel.INTEL, "0.9.0", SHORT).outcome());
        old.traps().off("invalidate");
        assertEquals(Errno.OK, Bench.send(bounded, Bench.invalidate(1, 1)).errno());
        assertEquals(0, bounded.close(new Completion()));
        assertEquals(Errno.ESTALE, Bench.send(bounded, Bench.invalidate(1, 2)).errno());
        assertEquals(-1, translate(8));
    }

    @Test
    void shouldLoseNoRequestOfABatchThatIsInsideWhenTheBackendIsGivenUp() throws Exception {
        old.traps().on("finish", () -> {
            in.countDown();
            Bench.hangUntil(out);
        });
        RequestBatch batch = new RequestBatch(100);
        for (int i = 1; i <= 100; i++) {
            byte[] request = Bench.invalidate(1, i);
            batch.add(request, 0, request.length);
        }
        int[] done = new int[1];
        Thread client = start(() -> done[0] = container.submit(batch));
        assertTrue(in.await(10, TimeUnit.SECONDS));
        assertEquals(
                Outcome.DONE,
                bench.core.forceSwap(IommuModel.INTEL, "0.9.0", SHORT).outcome());
        out.countDown();
        client.join(5000);
        int ok = 0;
        for (int i = 0; i < 100; i++) {
            Completion completion = batch.completion(i);
            ok += completion.errno() == Errno.OK ? 1 : 0;
            assertTrue(completion.errno() == Errno.OK || completion.errno() == Errno.EIO, completion::toString);
        }
        assertEquals(done[0], ok);
        assertEquals(100, container.counters().received());
        assertEquals(ok, container.counters().completed());
    }

    @Test
    void shouldNeverShowAClientsCompletionToABackend() {
        Completion own = new Completion();
        AtomicReference<Completion> seen = new AtomicReference<>();
        old.completions(seen::set);
        byte[] request = Bench.invalidate(1, 1);
        container.ioctl(Uapi.VFIO_IOMMU_OP, request, 0, request.length, own);
        seen.get().fail(Errno.EPERM, "written late");
        assertEquals(Errno.OK, own.errno());
        assertEquals(1, own.handled());
        assertEquals(Fidelity.EXACT, own.fidelity());
    }

    @Test
    void shouldRefuseWhatMakesNoSense() {
        assertEquals(
                Outcome.REFUSED,
                bench.core.forceSwap(IommuModel.INTEL, "9.9.9", SHORT).outcome());
        assertEquals(
                Outcome.REFUSED,
                bench.core.forceSwap(IommuModel.INTEL, "1.0.0", SHORT).outcome());
        bench.core.arrived(bench.backend("0.8.0").serving(FakeBackend.generation(2)));
        assertEquals(
                Outcome.REFUSED,
                bench.core.forceSwap(IommuModel.INTEL, "0.8.0", SHORT).outcome());
        assertEquals(State.ACTIVE, bench.state("1.0.0"));
        assertEquals(0x1004, translate(7));
    }
}
