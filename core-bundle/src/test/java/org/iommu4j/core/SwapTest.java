package org.iommu4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Rule;
import org.iommu4j.core.fake.Bench;
import org.iommu4j.core.fake.FakeBackend;
import org.iommu4j.core.fake.FakeShim;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.BackendStatus.State;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.core.service.SwapReport.Outcome;
import org.iommu4j.core.service.Unit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class SwapTest {
    private final Bench bench = new Bench();
    private FakeBackend old;
    private Unit unit;
    private Container container;
    private long number;

    @BeforeEach
    void open() {
        old = bench.arrived("1.0.0");
        unit = bench.unit(1);
        container = Bench.container(unit, 1);
        container.attach(7, new Completion());
        Bench.send(container, Bench.bind(1, 7, 0x1000, false));
        expectServing();
    }

    @AfterEach
    void close() {
        bench.close();
    }

    /** The next invalidation is the right one, and the device translates. */
    private void expectServing() {
        number++;
        assertEquals(
                Errno.OK, Bench.send(container, Bench.invalidate(1, number)).errno());
        List<Long> completed = bench.journal.completed(container.id());
        assertEquals(number, completed.size());
        assertEquals(number, completed.get(completed.size() - 1));
        DmaAccess access = new DmaAccess();
        unit.dma(access.begin(7, 4, DmaAccess.READ));
        assertEquals(0x1004, access.spa());
        for (String event : bench.journal.events()) {
            assertFalse(event.contains("after"), event);
        }
    }

    private void expectOldServes() {
        assertEquals(State.ACTIVE, bench.state("1.0.0"));
        assertTrue(bench.serves(old));
        expectServing();
    }

    @Test
    void shouldMoveStateBothWays() {
        bench.arrived("1.1.0");
        SwapReport report = bench.core.swaps().get(0);
        assertEquals(Outcome.DONE, report.outcome());
        assertEquals("1.0.0", report.from());
        assertEquals("1.1.0", report.to());
        assertEquals(1, report.units());
        assertTrue(report.pauseNanos() > 0);
        assertTrue(report.cachesDropped());
        assertEquals(List.of("unit 1 container 0: EXACT"), report.surviving());
        expectServing();
        SwapReport back = bench.swap("1.0.0");
        assertEquals(Outcome.DONE, back.outcome());
        assertEquals(State.STANDBY, bench.state("1.1.0"));
        expectOldServes();
        assertEquals(List.of(report, back), bench.core.swaps());
    }

    @Test
    void shouldRefuseWhatMakesNoSense() {
        assertEquals(Outcome.REFUSED, bench.swap("9.9.9").outcome());
        SwapReport same = bench.swap("1.0.0");
        assertEquals(Outcome.REFUSED, same.outcome());
        assertTrue(same.reason().contains("serves already"), same.reason());
        expectOldServes();
    }

    @Test
    void shouldFindABackendByItsNumberWhenVersionsAreEqual() {
        bench.arrived("1.0.0");
        List<BackendStatus> all = bench.core.backends();
        SwapReport report = bench.swap("#" + all.get(1).id());
        assertEquals(Outcome.DONE, report.outcome());
        assertEquals(State.STANDBY, bench.core.backends().get(0).state());
        assertEquals(Outcome.DONE, bench.swap("1.0.0").outcome());
        assertTrue(bench.serves(old));
        assertEquals(State.ACTIVE, bench.core.backends().get(0).state());
        expectServing();
    }

    @Test
    void shouldRollBackWhenTheNewOneThrows() {
        for (String method : List.of("restoreHardware", "restoreTranslator")) {
            for (Throwable thrown : List.of(
                    new IllegalStateException("no"),
                    new BackendException(Errno.EINVAL, "damaged"),
                    new StackOverflowError(),
                    new NoClassDefFoundError("gone"))) {
                FakeBackend broken = bench.backend("2.0.0");
                broken.traps().on(method, () -> sneak(thrown));
                bench.core.arrived(broken);
                SwapReport report = lastReport();
                assertEquals(Outcome.ROLLED_BACK, report.outcome());
                assertFalse(report.reason().isEmpty());
                boolean refusal = thrown instanceof BackendException;
                assertEquals(refusal ? State.STANDBY : State.FAILED, bench.state("2.0.0"));
                expectOldServes();
                bench.core.leaving(broken);
                assertEquals(State.RETIRED, bench.state("2.0.0"));
            }
        }
    }

    private static void sneak(Throwable thrown) {
        if (thrown instanceof Error error) {
            throw error;
        }
        throw (RuntimeException) thrown;
    }

    @Test
    void shouldRollBackWhenTheNewOneHangs() {
        FakeBackend hanging = bench.backend("0.9.0");
        hanging.traps().on("restoreTranslator", () -> Bench.hangUntil(new CountDownLatch(1)));
        bench.core.arrived(hanging);
        SwapReport report = bench.swap("0.9.0", 1000, 100);
        assertEquals(Outcome.ROLLED_BACK, report.outcome());
        assertTrue(report.reason().contains("did not end within"), report.reason());
        assertEquals(State.FAILED, bench.state("0.9.0"));
        expectOldServes();
    }

    @Test
    void shouldRetryAFailedOneWhenAskedTo() {
        FakeBackend flaky = bench.backend("2.0.0");
        flaky.traps().on("restoreHardware", () -> sneak(new IllegalStateException("not yet")));
        bench.core.arrived(flaky);
        assertEquals(State.FAILED, bench.state("2.0.0"));
        flaky.traps().off("restoreHardware");
        assertEquals(Outcome.DONE, bench.swap("2.0.0").outcome());
        assertEquals("", bench.core.backends().get(1).reason());
        expectServing();
    }

    @Test
    void shouldRollBackAndBlameNobodyNewWhenTheOldCannotSave() {
        bench.core.arrived(bench.backend("0.9.0"));
        for (String method : List.of("saveHardware", "saveTranslator")) {
            old.traps().on(method, () -> sneak(new IllegalStateException("cannot")));
            assertEquals(Outcome.ROLLED_BACK, bench.swap("0.9.0").outcome());
            assertEquals(State.STANDBY, bench.state("0.9.0"));
            old.traps().off(method);
            expectOldServes();
        }
        old.traps().on("saveHardware", () -> Bench.hangUntil(new CountDownLatch(1)));
        SwapReport report = bench.swap("0.9.0", 1000, 50);
        assertEquals(Outcome.ROLLED_BACK, report.outcome());
        assertEquals(State.STANDBY, bench.state("0.9.0"));
        old.traps().off("saveHardware");
        expectOldServes();
    }

    @Test
    void shouldRefuseWhenTheStateCannotBeRead() {
        bench.core.arrived(bench.backend("2.0.0").states(2, 3));
        SwapReport report = lastReport();
        assertEquals(Outcome.REFUSED, report.outcome());
        assertTrue(report.reason().contains("state version 1 is not in 2..3"), report.reason());
        assertEquals(State.STANDBY, bench.state("2.0.0"));
        expectOldServes();
    }

    @Test
    void shouldRefuseToGoBackWhenTheOlderCannotReadTheNewState() {
        bench.core.arrived(bench.backend("2.0.0").states(1, 2));
        assertEquals(State.ACTIVE, bench.state("2.0.0"));
        SwapReport report = bench.swap("1.0.0");
        assertEquals(Outcome.REFUSED, report.outcome());
        assertEquals(State.ACTIVE, bench.state("2.0.0"));
        expectServing();
    }

    @Test
    void shouldRefuseWhenAgreementsWouldBeLost() {
        FakeBackend narrow = bench.backend("2.0.0").serving(FakeBackend.generation(2));
        bench.core.arrived(narrow);
        SwapReport report = lastReport();
        assertEquals(Outcome.REFUSED, report.outcome());
        assertEquals(1, report.lost().size());
        assertTrue(
                report.lost().get(0).contains("unit 1 container 0"),
                report.lost().get(0));
        expectOldServes();
    }

    @Test
    void shouldPreviewWithoutChangingAnything() {
        bench.core.arrived(bench.backend("0.9.0"));
        bench.core.arrived(bench.backend("0.8.0").serving(FakeBackend.generation(2)));
        SwapReport good = bench.core.preview(IommuModel.INTEL, "0.9.0");
        assertEquals(Outcome.PREVIEWED, good.outcome());
        assertEquals("", good.reason());
        assertEquals(List.of("unit 1 container 0: EXACT"), good.surviving());
        SwapReport bad = bench.core.preview(IommuModel.INTEL, "0.8.0");
        assertEquals(Outcome.PREVIEWED, bad.outcome());
        assertEquals(1, bad.lost().size());
        assertFalse(bad.reason().isEmpty());
        assertEquals(Outcome.REFUSED, bench.core.preview(IommuModel.INTEL, "7").outcome());
        assertEquals(List.of(), bench.core.swaps());
        expectOldServes();
    }

    @Test
    void shouldRollBackWhenACallDoesNotComeOut() throws Exception {
        CountDownLatch in = new CountDownLatch(1);
        CountDownLatch out = new CountDownLatch(1);
        old.traps().on("invalidate", () -> {
            in.countDown();
            Bench.hangUntil(out);
        });
        AtomicReference<Errno> errno = new AtomicReference<>();
        number++;
        Thread stuck = new Thread(() ->
                errno.set(Bench.send(container, Bench.invalidate(1, number)).errno()));
        stuck.start();
        assertTrue(in.await(10, TimeUnit.SECONDS));
        bench.core.arrived(bench.backend("0.9.0"));
        SwapReport report = bench.swap("0.9.0", 50, 1000);
        assertEquals(Outcome.ROLLED_BACK, report.outcome());
        assertTrue(report.reason().contains("still busy"), report.reason());
        assertEquals(State.STANDBY, bench.state("0.9.0"));
        out.countDown();
        stuck.join();
        assertEquals(Errno.OK, errno.get());
        old.traps().off("invalidate");
        expectOldServes();
        assertEquals(Outcome.DONE, bench.swap("0.9.0").outcome());
        expectServing();
    }

    @Test
    void shouldMoveAllUnitsOrNone() {
        Unit second = bench.unit(2);
        FakeBackend broken = bench.backend("2.0.0");
        int[] calls = new int[1];
        broken.traps().on("restoreTranslator", () -> {
            if (++calls[0] == 2) {
                throw new IllegalStateException("the second one");
            }
        });
        bench.core.arrived(broken);
        assertEquals(Outcome.ROLLED_BACK, lastReport().outcome());
        expectOldServes();
        second.writeRegister(0x100, 8, 9);
        bench.arrived("3.0.0");
        assertEquals(2, lastReport().units());
        assertEquals(9, second.readRegister(0x100, 8));
        expectServing();
    }

    @Test
    void shouldKeepTheClientsGenerationWhenRenegotiating() {
        bench.core.arrived(FakeShim.exact(1, 3));
        // The new one has no generation 1 any more; the chip of the unit stays of generation 1.
        FakeBackend narrow = bench.backend("2.0.0").serving(FakeBackend.generation(3));
        bench.core.arrived(narrow);
        assertEquals(Outcome.REFUSED, lastReport().outcome());
        assertEquals(1, container.agreement().clientSubVersion());
        expectOldServes();
    }

    @Test
    void shouldTakeAnotherChainWhenAShimLeaves() {
        FakeShim narrow = FakeShim.exact(5, 1);
        FakeShim wide = FakeShim.widening(5, 1);
        bench.core.arrived(wide);
        bench.core.arrived(narrow);
        Container bridged = Bench.container(unit, 5);
        assertEquals(List.of("s5-1"), bridged.agreement().shims());
        bench.core.leaving(narrow);
        assertEquals(List.of("w5-1"), bridged.agreement().shims());
        assertEquals(Errno.OK, Bench.send(bridged, Bench.invalidate(5, 1, 1)).errno());
        bench.core.leaving(wide);
        assertEquals(Agreement.Kind.REFUSED, bridged.agreement().kind());
        Completion completion = Bench.send(bridged, Bench.invalidate(5, 2, 1));
        assertEquals(Rule.V30, completion.rule());
        assertEquals(Errno.EPROTONOSUPPORT, completion.errno());
        bench.core.arrived(narrow);
        assertEquals(Errno.OK, Bench.send(bridged, Bench.invalidate(5, 2, 1)).errno());
        expectServing();
    }

    @Test
    void shouldTellListenersAndContainTheirExceptions() throws Exception {
        List<SwapReport> heard = new ArrayList<>();
        AutoCloseable broken = bench.core.onSwap(report -> {
            throw new IllegalStateException("a bad listener");
        });
        AutoCloseable good = bench.core.onSwap(heard::add);
        bench.arrived("1.1.0");
        assertEquals(1, heard.size());
        good.close();
        broken.close();
        bench.arrived("1.2.0");
        assertEquals(1, heard.size());
    }

    @Test
    void shouldKeepABoundedHistory() {
        bench.arrived("1.1.0");
        for (int i = 0; i < 300; i++) {
            bench.swap(i % 2 == 0 ? "1.0.0" : "1.1.0");
        }
        assertEquals(256, bench.core.swaps().size());
        expectServing();
    }

    private SwapReport lastReport() {
        List<SwapReport> reports = bench.core.swaps();
        return reports.get(reports.size() - 1);
    }
}
