package org.iommu4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Rule;
import org.iommu4j.core.fake.Bench;
import org.iommu4j.core.fake.FakeBackend;
import org.iommu4j.core.fake.FakeShim;
import org.iommu4j.core.fake.RecordingRequests;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.BackendStatus.State;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.core.service.SwapReport.Outcome;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class AbsentBackendTest {
    private final Bench bench = new Bench();
    private final List<Integer> deviceDrops = new ArrayList<>();
    private FakeBackend old;
    private Unit unit;
    private Container container;
    private long number;

    @BeforeEach
    void open() {
        old = bench.arrived("1.0.0");
        DevicePort devices = (requester, pasid, iova, lengthBytes) -> deviceDrops.add(requester);
        unit = bench.core.openUnit(new UnitConfig(
                IommuModel.INTEL, HardwareConfig.of(1), false, 0, List.of(), (address, data) -> {}, devices));
        container = Bench.container(unit, 1);
        container.attach(7, new Completion());
        Bench.send(container, Bench.bind(1, 7, 0x1000, false));
        expectServing();
    }

    @AfterEach
    void close() {
        bench.close();
    }

    private void expectServing() {
        number++;
        assertEquals(
                Errno.OK, Bench.send(container, Bench.invalidate(1, number)).errno());
        assertEquals(0x1004, translate(7));
        for (String event : bench.journal.events()) {
            assertFalse(event.contains("after"), event);
        }
    }

    private long translate(int requester) {
        DmaAccess access = new DmaAccess();
        unit.dma(access.begin(requester, 4, DmaAccess.READ));
        return access.outcome() == DmaAccess.Outcome.TRANSLATED ? access.spa() : -1;
    }

    private SwapReport lastReport() {
        List<SwapReport> reports = bench.core.swaps();
        return reports.get(reports.size() - 1);
    }

    @Test
    void shouldGoOnWhenABackendLeavesAndComesBack() {
        bench.core.leaving(old);
        SwapReport left = lastReport();
        assertEquals(Outcome.DONE, left.outcome());
        assertEquals("1.0.0", left.from());
        assertEquals("", left.to());
        assertEquals(State.RETIRED, bench.state("1.0.0"));
        bench.arrived("1.0.0");
        SwapReport back = lastReport();
        assertEquals(Outcome.DONE, back.outcome());
        assertEquals("", back.from());
        assertEquals("", back.reason());
        assertEquals(List.of(), deviceDrops);
        expectServing();
    }

    @Test
    void shouldFailInTimeAndInBoundsWithoutABackend() throws Exception {
        Container impatient = unit.openContainer(Bench.client(1, 100, 2));
        bench.core.leaving(old);
        long start = System.nanoTime();
        Completion completion = Bench.send(impatient, Bench.invalidate(1, 1));
        long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
        assertEquals(Errno.ENODEV, completion.errno());
        assertTrue(millis >= 100 && millis < 3000, millis + " ms");
        Container crowded = impatient;
        List<Thread> threads = new ArrayList<>();
        List<Errno> answers = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            Thread thread = new Thread(() -> {
                Errno errno = Bench.send(crowded, Bench.invalidate(1, 1)).errno();
                synchronized (answers) {
                    answers.add(errno);
                }
            });
            threads.add(thread);
            thread.start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        answers.sort(null);
        assertEquals(List.of(Errno.EBUSY, Errno.ENODEV, Errno.ENODEV), answers);
        assertEquals(4, crowded.counters().received());
        assertEquals(3, crowded.counters().parked());
        assertEquals(3, crowded.counters().refused().get("ENODEV"));
        assertEquals(List.of(), bench.journal.completed(crowded.id()));
    }

    @Test
    void shouldCarryOutWhatWaitedWhenALateBackendComes() throws Exception {
        bench.core.leaving(old);
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            number++;
            byte[] request = Bench.invalidate(1, number);
            Thread thread = new Thread(() -> Bench.send(container, request));
            threads.add(thread);
            thread.start();
            while (container.counters().parked() <= i) {
                Thread.onSpinWait();
            }
        }
        AtomicReference<DmaAccess.Outcome> outcome = new AtomicReference<>();
        Thread device = new Thread(() -> {
            DmaAccess access = new DmaAccess();
            unit.dma(access.begin(7, 4, DmaAccess.READ));
            outcome.set(access.outcome());
        });
        device.start();
        bench.arrived("1.0.1");
        for (Thread thread : threads) {
            thread.join();
        }
        device.join();
        assertEquals(DmaAccess.Outcome.TRANSLATED, outcome.get());
        assertEquals(11, bench.journal.completed(container.id()).size());
        assertEquals(10, container.counters().parked());
        expectServing();
    }

    @Test
    void shouldOpenContainersWhenALateBackendComes() throws Exception {
        bench.core.leaving(old);
        AtomicReference<Container> opened = new AtomicReference<>();
        Thread opener = new Thread(() -> opened.set(Bench.container(unit, 1)));
        opener.start();
        Thread.sleep(20);
        bench.arrived("1.0.1");
        opener.join();
        assertNotNull(opened.get());
        assertEquals(Errno.OK, Bench.send(opened.get(), Bench.invalidate(1, 1)).errno());
    }

    @Test
    void shouldRebuildWhenTheStateIsLost() {
        Container second = Bench.container(unit, 1);
        second.attach(8, 0x2000, 4, new Completion());
        second.attach(9, new Completion());
        Bench.send(second, Bench.bind(1, 9, 0x3000, false));
        Bench.send(second, Bench.bind(1, 9, 0x4000, false));
        Bench.send(container, Bench.bind(1, 7, 0x9000, false));
        Bench.send(container, Bench.bind(1, 7, 0x9000, true));
        Bench.send(container, Bench.bind(1, 7, 0x1000, false));
        old.traps().on("saveTranslator", () -> {
            throw new IllegalStateException("crashed");
        });
        bench.core.leaving(old);
        bench.arrived("1.0.1");
        SwapReport report = lastReport();
        assertEquals(Outcome.DONE, report.outcome());
        assertTrue(report.cachesDropped());
        assertTrue(report.reason().contains("was rebuilt") && report.reason().contains("crashed"), report.reason());
        assertEquals(List.of(7, 8, 9), deviceDrops);
        assertEquals(0x1004, translate(7));
        assertEquals(0x2004, translate(8));
        assertEquals(0x4004, translate(9));
        List<String> replayed = bench.journal.events().stream()
                .filter(event -> event.startsWith("1.0.1"))
                .toList();
        assertEquals(
                List.of(
                        "1.0.1 open 0",
                        "1.0.1 attach 0 7 -1",
                        "1.0.1 bind 7 0x1000",
                        "1.0.1 open 1",
                        "1.0.1 attach 1 8 8192",
                        "1.0.1 attach 1 9 -1",
                        "1.0.1 bind 9 0x4000"),
                replayed);
    }

    @Test
    void shouldNotBringBackATableThatABindHasReplaced() {
        Container container = Bench.container(unit, 1);
        assertEquals(0, container.attach(8, 0x2000, 4, new Completion()));
        Bench.send(container, Bench.bind(1, 8, 0x3000, false));
        assertEquals(0x3004, translate(8));
        Bench.send(container, Bench.bind(1, 8, 0x3000, true));
        old.traps().on("saveTranslator", () -> {
            throw new IllegalStateException("crashed");
        });
        bench.core.leaving(old);
        bench.arrived("1.0.1");
        assertTrue(bench.journal.events().contains("1.0.1 attach 1 8 -1"), bench.journal.events()::toString);
    }

    @Test
    void shouldRebuildWhenTheStateIsRefused() {
        bench.core.leaving(old);
        bench.core.arrived(bench.backend("2.0.0").states(2, 2));
        SwapReport report = lastReport();
        assertEquals(Outcome.DONE, report.outcome());
        assertTrue(report.reason().contains("state version 1 is not in 2..2"), report.reason());
        assertEquals(0x1004, translate(7));
    }

    @Test
    void shouldRebuildWhenSaveHangs() {
        old.traps().on("saveHardware", () -> Bench.hangUntil(new CountDownLatch(1)));
        bench.core.leaving(old);
        assertTrue(lastReport().reason().contains("did not end"), lastReport().reason());
        bench.arrived("1.0.1");
        assertTrue(lastReport().reason().contains("was rebuilt"), lastReport().reason());
        assertEquals(0x1004, translate(7));
    }

    @Test
    void shouldBlockDevicesOfAContainerThatCannotBeBroughtBack() {
        Container second = Bench.container(unit, 1);
        second.attach(8, new Completion());
        Bench.send(second, Bench.bind(1, 8, 0x2000, false));
        old.traps().on("saveHardware", () -> {
            throw new IllegalStateException("crashed");
        });
        bench.core.leaving(old);
        FakeBackend picky = bench.backend("1.0.1");
        int[] binds = new int[1];
        picky.traps().on("bind", () -> {
            if (++binds[0] == 2) {
                throw new BackendException(Errno.EFAULT, "the table is gone");
            }
        });
        bench.core.arrived(picky);
        SwapReport report = lastReport();
        assertEquals(Outcome.DONE, report.outcome());
        assertEquals(1, report.lost().size(), report.toString());
        assertEquals(0x1004, translate(7));
        assertEquals(-1, translate(8));
        Completion completion = Bench.send(second, Bench.invalidate(1, 1));
        assertEquals(Errno.ESTALE, completion.errno());
        assertTrue(completion.reason().contains("the table is gone"), completion.reason());
        bench.arrived("1.0.2");
        assertEquals(Errno.ESTALE, Bench.send(second, Bench.invalidate(1, 1)).errno());
        assertEquals(0, second.detach(8, new Completion()));
        second.close();
        assertEquals(1, Bench.container(unit, 1).id());
    }

    @Test
    void shouldStayAbsentWhenTheNextOneIsBroken() {
        bench.core.leaving(old);
        FakeBackend broken = bench.backend("1.0.1");
        for (String method : List.of("restoreHardware", "createHardware")) {
            broken.traps().on(method, () -> {
                throw new StackOverflowError();
            });
        }
        bench.core.arrived(broken);
        assertEquals(Outcome.ROLLED_BACK, lastReport().outcome());
        assertEquals(State.FAILED, bench.state("1.0.1"));
        bench.arrived("1.0.2");
        assertEquals("", lastReport().reason());
        expectServing();
    }

    @Test
    void shouldBlameTheWriterOfAStateAndNotItsReader() {
        FakeBackend reader = bench.backend("0.9.0");
        for (Runnable answer : List.<Runnable>of(
                () -> {
                    throw new BackendException(Errno.EINVAL, "damaged");
                },
                () -> {
                    throw new IndexOutOfBoundsException("3 of 2");
                },
                () -> Bench.hangUntil(new CountDownLatch(1)))) {
            reader.traps().on("restoreTranslator", answer);
            bench.core.arrived(reader);
            bench.core.leaving(old);
            assertEquals(Outcome.DONE, lastReport().outcome());
            assertTrue(lastReport().reason().contains("state of fake 1.0.0 refused"), lastReport()::reason);
            assertEquals(State.ACTIVE, bench.state("0.9.0"));
            assertEquals(0x1004, translate(7));
            reader.traps().off("restoreTranslator");
            old = bench.arrived("1.0.0");
            assertEquals(State.ACTIVE, bench.state("1.0.0"));
            bench.core.leaving(reader);
        }
    }

    @Test
    void shouldTryTheFailedOnesLastRatherThanServeNobody() {
        FakeBackend failed = bench.backend("2.0.0");
        failed.traps().onTrial("createHardware", () -> {
            throw new NoClassDefFoundError("gone");
        });
        bench.core.arrived(failed);
        assertEquals(State.FAILED, bench.state("2.0.0"));
        assertEquals(State.ACTIVE, bench.state("1.0.0"));
        failed.traps().off("createHardware");
        bench.core.leaving(old);
        assertEquals(State.ACTIVE, bench.state("2.0.0"));
        assertEquals(0x1004, translate(7));
    }

    @Test
    void shouldStandByWhenItRefusesTheStateOfTheOneThatServes() {
        FakeBackend picky = bench.backend("1.1.0");
        picky.traps().on("restoreHardware", () -> {
            throw new BackendException(Errno.EINVAL, "damaged");
        });
        bench.core.arrived(picky);
        assertEquals(Outcome.ROLLED_BACK, lastReport().outcome());
        assertEquals(State.STANDBY, bench.state("1.1.0"));
        expectServing();
    }

    @Test
    void shouldStandByWhenAUnitsGenerationIsNotServed() {
        bench.core.leaving(old);
        bench.core.arrived(bench.backend("2.0.0").serving(FakeBackend.generation(2)));
        assertEquals(State.STANDBY, bench.state("2.0.0"));
        assertNull(bench.core.backend(IommuModel.INTEL));
        unit.close();
        assertEquals(2, bench.unit(2).subVersion());
        assertEquals(State.ACTIVE, bench.state("2.0.0"));
    }

    @Test
    void shouldCloseContainersThatWereClosedMeanwhile() {
        Container second = Bench.container(unit, 1);
        second.attach(8, 0x2000, 4, new Completion());
        bench.core.leaving(old);
        long start = System.nanoTime();
        second.close();
        assertTrue(System.nanoTime() - start < TimeUnit.SECONDS.toNanos(2));
        assertEquals(1, unit.containers().size());
        bench.arrived("1.0.1");
        assertTrue(bench.journal.events().contains("1.0.1 close 1"));
        assertEquals(-1, translate(8));
        assertEquals(1, Bench.container(unit, 1).id());
        expectServing();
    }

    @Test
    void shouldAnswerV30WhenTheAgreementIsGone() {
        FakeShim shim = FakeShim.exact(5, 1);
        FakeBackend bridging = bench.backend("1.1.0").with(shim);
        bench.core.arrived(bridging);
        Container bridged = Bench.container(unit, 5);
        assertEquals(Errno.OK, Bench.send(bridged, Bench.invalidate(5, 1)).errno());
        assertEquals(Outcome.REFUSED, bench.swap("1.0.0").outcome());
        bench.core.leaving(bridging);
        SwapReport report = lastReport();
        assertEquals(Outcome.DONE, report.outcome());
        assertEquals("1.1.0", report.from());
        assertEquals("1.0.0", report.to());
        assertEquals(1, report.lost().size());
        assertEquals(Agreement.Kind.REFUSED, bridged.agreement().kind());
        assertEquals(Rule.V30, Bench.send(bridged, Bench.invalidate(5, 2)).rule());
        expectServing();
        bench.core.arrived(bench.backend("1.2.0").with(shim));
        assertEquals(Errno.OK, Bench.send(bridged, Bench.invalidate(5, 2)).errno());
    }

    @Test
    void shouldLeaveAHangingCallBehind() throws Exception {
        CountDownLatch in = new CountDownLatch(1);
        CountDownLatch out = new CountDownLatch(1);
        old.traps().on("bind", () -> {
            in.countDown();
            Bench.hangUntil(out);
        });
        AtomicReference<Errno> errno = new AtomicReference<>();
        Thread stuck = new Thread(() ->
                errno.set(Bench.send(container, Bench.bind(1, 7, 0x5000, false)).errno()));
        stuck.start();
        assertTrue(in.await(10, TimeUnit.SECONDS));
        bench.core.leaving(old);
        bench.arrived("1.0.1");
        SwapReport report = lastReport();
        assertTrue(report.reason().contains("a call was still inside"), report.reason());
        assertEquals(0x1004, translate(7));
        out.countDown();
        stuck.join();
        assertEquals(Errno.EIO, errno.get());
        assertEquals(0x1004, translate(7));
        bench.arrived("1.0.2");
        assertEquals(0x1004, translate(7));
    }

    @Test
    void shouldRestartBareChipsFromResetWhenTheStateIsLost() {
        Unit bare = bench.core.openUnit(
                UnitConfig.of(IommuModel.INTEL, HardwareConfig.of(1)).withoutDriver());
        bare.writeRegister(0x100, 8, 1);
        old.traps().on("saveHardware", () -> {
            throw new IllegalStateException("crashed");
        });
        bench.core.leaving(old);
        bench.arrived("1.0.1");
        assertTrue(
                lastReport().reason().contains("starts from reset"),
                lastReport().reason());
        assertEquals(0, bare.readRegister(0x100, 8));
    }

    @Test
    void shouldKeepInterruptStatusOfAnInterruptedClient() throws Exception {
        bench.core.leaving(old);
        AtomicReference<Errno> errno = new AtomicReference<>();
        AtomicReference<Boolean> status = new AtomicReference<>();
        Thread client = new Thread(() -> {
            errno.set(Bench.send(container, Bench.invalidate(1, 1)).errno());
            status.set(Thread.currentThread().isInterrupted());
        });
        client.start();
        while (container.counters().parked() == 0) {
            Thread.onSpinWait();
        }
        client.interrupt();
        client.join();
        assertEquals(Errno.ENODEV, errno.get());
        assertTrue(status.get());
        assertThrows(BackendException.class, () -> {
            Thread.currentThread().interrupt();
            unit.openGuest(HardwareConfig.of(1), new RecordingRequests());
        });
        assertTrue(Thread.interrupted());
    }
}
