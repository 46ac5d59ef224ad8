package org.iommu4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.zip.ZipError;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.fake.Bench;
import org.iommu4j.core.fake.FakeBackend;
import org.iommu4j.core.fake.RecordingRequests;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.BackendStatus.State;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.core.service.SwapReport.Outcome;
import org.iommu4j.core.service.Unit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A backend serves only after a trial, and gives way when it fails. */
@Timeout(60)
class TrialTest {
    private final Bench bench = new Bench();

    @AfterEach
    void close() {
        bench.close();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "createHardware",
                "createTranslator",
                "openDomain",
                "attach",
                "bind",
                "translate",
                "invalidate",
                "finish",
                "saveHardware",
                "saveTranslator",
                "restoreHardware",
                "restoreTranslator",
                "closeDomain"
            })
    void shouldNotServeWhenItFailsInItsTrial(String method) {
        bench.arrived("1.0.0");
        for (Runnable failure : List.<Runnable>of(
                () -> {
                    throw new NoClassDefFoundError("gone");
                },
                () -> {
                    throw new BackendException(Errno.EIO, "it does not work");
                })) {
            FakeBackend broken = bench.backend("2.0.0");
            broken.traps().onTrial(method, failure);
            bench.core.arrived(broken);
            assertEquals(State.FAILED, bench.state("2.0.0"));
            assertEquals(State.ACTIVE, bench.state("1.0.0"));
            bench.unit(1);
            SwapReport refused = bench.swap("2.0.0");
            assertEquals(Outcome.REFUSED, refused.outcome());
            assertTrue(refused.reason().contains("trial of"), refused.reason());
            broken.traps().off(method);
            assertEquals(Outcome.DONE, bench.swap("2.0.0").outcome());
            bench.core.leaving(broken);
        }
    }

    @Test
    void shouldTryTheFirstBackendOnceItIsUsedAndNotBefore() {
        Map<String, Consumer<Bench>> uses = Map.of(
                "unit", used -> used.unit(1),
                "listing", used -> used.core.backends(),
                "swap", used -> used.swap("1.0.0"),
                "forced swap", used -> used.core.forceSwap(IommuModel.INTEL, "1.0.0", SwapLimits.DEFAULT),
                "preview", used -> used.core.preview(IommuModel.INTEL, "1.0.0"),
                "negotiation", used -> used.core.negotiate(Offer.exactly(IommuModel.INTEL, 1), 1),
                "absence", used -> used.core.absence(IommuModel.INTEL),
                "another backend", used -> used.core.arrived(used.backend("0.9.0")));
        uses.forEach((name, use) -> {
            try (Bench used = new Bench()) {
                FakeBackend first = used.backend("1.0.0");
                AtomicInteger tried = new AtomicInteger();
                first.traps().onTrial("createHardware", tried::incrementAndGet);
                used.core.arrived(first);
                assertTrue(used.serves(first), "it can be asked what it describes");
                assertEquals(0, tried.get(), name);
                use.accept(used);
                int once = tried.get();
                assertTrue(once > 0, name);
                assertEquals(State.ACTIVE, used.state("1.0.0"), name);
                used.unit(1);
                assertEquals(once, tried.get(), name);
            }
        });
    }

    @Test
    void shouldForgetAFirstBackendThatLeavesBeforeItIsUsed() {
        FakeBackend first = bench.backend("1.0.0");
        bench.core.arrived(first);
        bench.core.leaving(first);
        assertNull(bench.core.backend(IommuModel.INTEL));
        assertEquals(State.RETIRED, bench.state("1.0.0"));
        bench.arrived("1.1.0");
        bench.unit(1);
        assertEquals(State.ACTIVE, bench.state("1.1.0"));
    }

    /** A backend whose trial goes on until it is let go. */
    private FakeBackend slow(String version, CountDownLatch begun, CountDownLatch end) {
        FakeBackend slow = bench.backend(version);
        slow.traps().onTrial("createHardware", () -> {
            begun.countDown();
            Bench.hangUntil(end);
        });
        return slow;
    }

    @Test
    void shouldListWhileATrialIsUnderWayAndTryTheFirstBackendOnceForAllWhoUseIt() throws Exception {
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch end = new CountDownLatch(1);
        FakeBackend first = slow("1.0.0", begun, end);
        AtomicInteger translators = new AtomicInteger();
        first.traps().onTrial("createTranslator", translators::incrementAndGet);
        bench.core.arrived(first);
        List<Thread> users = new ArrayList<>();
        List<Unit> units = Collections.synchronizedList(new ArrayList<>());
        for (int i = 0; i < 4; i++) {
            Thread user = new Thread(() -> units.add(bench.unit(1)));
            user.start();
            users.add(user);
        }
        assertTrue(begun.await(10, TimeUnit.SECONDS));
        assertEquals(State.INSTALLED, bench.state("1.0.0"));
        assertTrue(reason("1.0.0").contains("trial is under way"), reason("1.0.0"));
        assertEquals(List.of(), bench.core.units());
        end.countDown();
        for (Thread user : users) {
            user.join();
        }
        assertEquals(4, units.size());
        assertEquals(State.ACTIVE, bench.state("1.0.0"));
        assertEquals(first.describe().generations().size(), translators.get());
    }

    @Test
    void shouldServeAndSwapWhileAFailedBackendIsTriedAgain() throws Exception {
        bench.arrived("1.0.0");
        bench.arrived("1.1.0");
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch end = new CountDownLatch(1);
        FakeBackend broken = bench.backend("2.0.0");
        broken.traps().onTrial("createHardware", () -> {
            throw new IllegalStateException("not yet");
        });
        bench.core.arrived(broken);
        broken.traps().onTrial("createHardware", () -> {
            begun.countDown();
            Bench.hangUntil(end);
        });
        SwapReport[] report = new SwapReport[1];
        Thread operator = new Thread(() -> report[0] = bench.swap("2.0.0"));
        operator.start();
        assertTrue(begun.await(10, TimeUnit.SECONDS));
        assertEquals(State.INSTALLED, bench.state("2.0.0"));
        bench.unit(1);
        assertEquals(Outcome.DONE, bench.swap("1.0.0").outcome());
        end.countDown();
        operator.join();
        assertEquals(Outcome.DONE, report[0].outcome());
        assertEquals("1.0.0", report[0].from());
        assertEquals(State.ACTIVE, bench.state("2.0.0"));
    }

    @Test
    void shouldLetABackendLeaveWhoseTrialIsUnderWay() throws Exception {
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch end = new CountDownLatch(1);
        FakeBackend first = slow("1.0.0", begun, end);
        bench.core.arrived(first);
        Thread user = new Thread(() -> bench.core.absence(IommuModel.INTEL));
        user.start();
        assertTrue(begun.await(10, TimeUnit.SECONDS));
        Thread leaver = new Thread(() -> bench.core.leaving(first));
        leaver.start();
        leaver.join(50);
        end.countDown();
        leaver.join();
        user.join();
        assertEquals(State.RETIRED, bench.state("1.0.0"));
        bench.arrived("1.1.0");
        assertEquals(State.ACTIVE, bench.state("1.1.0"));
    }

    /** Backends come, fail, are tried again and leave, while others list, open units and swap. */
    @Test
    void shouldEndEveryCallWhileTrialsAreUnderWayEverywhere() throws Exception {
        bench.core.arrived(bench.backend("1.0.0"));
        AtomicReference<Throwable> failure = new AtomicReference<>();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            int number = i;
            Thread thread = new Thread(() -> {
                try {
                    for (int round = 0; round < 20; round++) {
                        String version = "1." + (number + 1) + "." + round;
                        FakeBackend moody = bench.backend(version);
                        if (round % 2 == 0) {
                            moody.traps().onTrial("finish", () -> {
                                throw new IllegalStateException("moody");
                            });
                        }
                        bench.core.arrived(moody);
                        moody.traps().off("finish");
                        bench.swap(version);
                        bench.core.backends();
                        bench.unit(1).close();
                        bench.core.leaving(moody);
                    }
                } catch (Throwable t) {
                    failure.set(t);
                }
            });
            thread.start();
            threads.add(thread);
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertNull(failure.get(), () -> String.valueOf(failure.get()));
        assertEquals(State.ACTIVE, bench.state("1.0.0"));
    }

    @Test
    void shouldNotServeWhenItsTrialDoesNotEnd() {
        bench.arrived("1.0.0");
        FakeBackend hanging = bench.backend("2.0.0");
        hanging.traps().onTrial("finish", () -> Bench.hangUntil(new CountDownLatch(1)));
        long start = System.nanoTime();
        bench.core.arrived(hanging);
        assertTrue(System.nanoTime() - start < TimeUnit.SECONDS.toNanos(5));
        assertEquals(State.FAILED, bench.state("2.0.0"));
        bench.unit(1);
    }

    @Test
    void shouldSayWhyNobodyServesWhenTheOnlyOneFailed() {
        FakeBackend broken = bench.backend("2.0.0");
        broken.traps().onTrial("createHardware", () -> {
            throw new IllegalStateException("no native part");
        });
        bench.core.arrived(broken);
        assertEquals(List.of(), bench.core.swaps());
        BackendException refusal = assertThrows(BackendException.class, () -> bench.unit(1));
        assertEquals(Errno.ENODEV, refusal.errno());
        assertTrue(refusal.getMessage().contains("no native part"), refusal.getMessage());
        assertTrue(bench.core.absence(IommuModel.INTEL).contains("fake 2.0.0"));
        assertEquals("", bench.core.absence(IommuModel.S390));
        assertEquals(Outcome.REFUSED, bench.core.swaps().get(0).outcome());
    }

    @Test
    void shouldServeWithChipsAloneOnlyWhileNobodyElseCan() {
        FakeBackend driverless = bench.backend("2.0.0");
        driverless.traps().onTrial("createTranslator", () -> {
            throw new IllegalStateException("no driver yet");
        });
        bench.core.arrived(driverless);
        assertEquals(State.ACTIVE, bench.state("2.0.0"));
        assertTrue(reason("2.0.0").contains("no driver yet"), reason("2.0.0"));
        bench.arrived("1.0.0");
        assertEquals(State.ACTIVE, bench.state("1.0.0"));
        assertEquals(State.FAILED, bench.state("2.0.0"));
    }

    @Test
    void shouldGiveWayWhenItCannotMakeAUnit() {
        bench.arrived("1.0.0");
        FakeBackend broken = bench.arrived("2.0.0");
        Unit first = bench.unit(1);
        first.writeRegister(0x100, 8, 5);
        broken.traps().on("createHardware", () -> {
            throw new ZipError("the jar was overwritten");
        });
        bench.unit(1);
        assertEquals(State.ACTIVE, bench.state("1.0.0"));
        assertEquals(State.FAILED, bench.state("2.0.0"));
        assertEquals(5, first.readRegister(0x100, 8));
        assertTrue(reason("2.0.0").contains("the jar was overwritten"), reason("2.0.0"));
    }

    @Test
    void shouldGiveWayWhenItCannotMakeAVirtualIommu() {
        bench.arrived("1.0.0");
        FakeBackend broken = bench.arrived("2.0.0");
        Unit unit = bench.unit(1);
        broken.traps().on("createGuestDecoder", () -> {
            throw new IllegalStateException("no");
        });
        assertEquals(
                0, unit.openGuest(HardwareConfig.of(1), new RecordingRequests()).readRegister(0, 8));
        assertEquals(State.ACTIVE, bench.state("1.0.0"));
    }

    @Test
    void shouldStayWhenItRefusesWhatWasAskedFor() {
        bench.arrived("1.0.0");
        FakeBackend picky = bench.arrived("2.0.0");
        picky.traps().on("createHardware", () -> {
            throw new BackendException(Errno.EINVAL, "no such capability");
        });
        assertEquals(
                Errno.EINVAL,
                assertThrows(BackendException.class, () -> bench.unit(1)).errno());
        assertEquals(State.ACTIVE, bench.state("2.0.0"));
        assertEquals(0, contained("2.0.0"));
    }

    @Test
    void shouldGiveWayWhenClassesAreGoneUnderARequest() throws Exception {
        bench.arrived("1.0.0");
        FakeBackend broken = bench.arrived("2.0.0");
        Unit unit = bench.unit(1);
        Container container = Bench.container(unit, 1);
        for (String method : List.of("invalidate", "saveHardware", "saveTranslator")) {
            broken.traps().on(method, () -> {
                throw new NoClassDefFoundError("gone");
            });
        }
        assertEquals(Errno.EIO, Bench.send(container, Bench.invalidate(1, 1)).errno());
        for (int i = 0; i < 500 && bench.state("1.0.0") != State.ACTIVE; i++) {
            Thread.sleep(10);
        }
        assertEquals(State.ACTIVE, bench.state("1.0.0"));
        assertEquals(State.FAILED, bench.state("2.0.0"));
        assertEquals(Errno.OK, Bench.send(container, Bench.invalidate(1, 1)).errno());
    }

    @Test
    void shouldKeepTheOnlyOneThatThereIs() {
        FakeBackend only = bench.arrived("1.0.0");
        Unit unit = bench.unit(1);
        only.traps().on("createHardware", () -> {
            throw new NoClassDefFoundError("gone");
        });
        assertThrows(BackendException.class, () -> bench.unit(1));
        assertEquals(State.ACTIVE, bench.state("1.0.0"));
        assertFalse(reason("1.0.0").contains("gone"));
        assertEquals(0, unit.readRegister(0x100, 8));
    }

    private String reason(String version) {
        return status(version).reason();
    }

    private long contained(String version) {
        return status(version).contained();
    }

    private BackendStatus status(String version) {
        return bench.core.backends().stream()
                .filter(backend -> backend.version().equals(version))
                .findFirst()
                .orElseThrow();
    }
}
