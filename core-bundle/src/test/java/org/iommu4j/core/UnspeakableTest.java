package org.iommu4j.core;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.fake.Bench;
import org.iommu4j.core.fake.FakeBackend;
import org.iommu4j.core.fake.FakeShim;
import org.iommu4j.core.fake.Meddler;
import org.iommu4j.core.fake.RecordingRequests;
import org.iommu4j.core.foreign.Thrown;
import org.iommu4j.core.service.BackendStatus.State;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.Guest;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.Unit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Exceptions that cannot be asked anything, thrown by each method that a vendor implements. */
@Timeout(60)
class UnspeakableTest {
    private final Bench bench = new Bench();
    private final CountDownLatch over = new CountDownLatch(1);
    private final AtomicBoolean armed = new AtomicBoolean();

    @AfterEach
    void close() {
        over.countDown();
        bench.close();
    }

    /** An exception of a hostile vendor: every method of it throws or hangs. */
    private static final class Unspeakable extends RuntimeException {
        private static final long serialVersionUID = 1L;

        @Override
        public String getMessage() {
            throw new Unspeakable();
        }

        @Override
        public String getLocalizedMessage() {
            throw new Unspeakable();
        }

        @Override
        public synchronized Throwable getCause() {
            throw new StackOverflowError();
        }

        @Override
        public StackTraceElement[] getStackTrace() {
            throw new NoClassDefFoundError();
        }

        @Override
        public String toString() {
            throw new Unspeakable();
        }
    }

    /** An exception whose message never comes. */
    private final class Silent extends RuntimeException {
        private static final long serialVersionUID = 1L;

        @Override
        public String getMessage() {
            Bench.hangUntil(over);
            return "";
        }

        @Override
        public String toString() {
            Bench.hangUntil(over);
            return "";
        }
    }

    static Stream<Method> methods() {
        return Meddler.methods().stream();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("methods")
    void shouldContainWhatCannotSpeakFromTheStart(Method broken) throws Exception {
        armed.set(true);
        useWith(broken);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("methods")
    void shouldContainWhatCannotSpeakAfterItHasBegunToServe(Method broken) throws Exception {
        useWith(broken);
    }

    private void useWith(Method broken) throws Exception {
        FakeBackend good = bench.arrived("1.0.0");
        Backend evil = Meddler.of(bench.backend("2.0.0").with(FakeShim.exact(5, 1)), method -> {
            boolean same = method.getName().equals(broken.getName())
                    && method.getDeclaringClass() == broken.getDeclaringClass();
            if (armed.get() && same) {
                throw new Unspeakable();
            }
            if (method.getDeclaringClass() == Object.class) {
                throw new Unspeakable();
            }
        });
        long start = System.nanoTime();
        bench.core.arrived(evil);
        Unit unit = bench.unit(1);
        Container container = Bench.container(unit, 1);
        armed.set(true);
        List<Completion> completions = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            completions.add(new Completion());
        }
        typed(() -> container.attach(7, completions.get(0)));
        typed(() -> Bench.send(container, Bench.bind(1, 7, 0x1000, false)));
        typed(() -> Bench.send(container, Bench.invalidate(1, 1)));
        typed(() -> Bench.container(unit, 5).ioctl(0, new byte[0], 0, 0, completions.get(1)));
        typed(() -> unit.dma(new DmaAccess().begin(7, 4, DmaAccess.READ)));
        typed(() -> unit.readRegister(0x100, 8));
        typed(() -> unit.writeRegister(0x100, 8, 1));
        typed(() -> unit.call(new NativeCall().begin(1)));
        typed(() -> unit.stepping(true));
        typed(() -> unit.step(1));
        typed(() -> unit.stepping(false));
        typed(() -> unit.takeEvents(event -> {}));
        typed(() -> unit.visitCache((cache, tag, pasid, iova, lengthBytes, pa) -> {}));
        typed(unit::hardwareCounters);
        typed(() -> unit.tap(command -> {}));
        typed(() -> useGuest(unit));
        typed(() -> container.detach(7, completions.get(2)));
        typed(container::close);
        typed(() -> bench.unit(2));
        assertNotNull(bench.core.backends().toString());
        assertNotNull(bench.core.swap(IommuModel.INTEL, "1.0.0", SwapLimits.DEFAULT));
        assertNotNull(bench.core.swap(IommuModel.INTEL, "2.0.0", SwapLimits.DEFAULT));
        bench.core.leaving(evil);
        assertEquals(
                State.ACTIVE, bench.state("1.0.0"), () -> bench.core.swaps().toString());
        Container after = Bench.container(bench.unit(1), 1);
        assertEquals(Errno.OK, Bench.send(after, Bench.invalidate(1, 1)).errno());
        long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
        assertTrue(millis < 10_000, millis + " ms");
        bench.core.leaving(good);
    }

    private static void useGuest(Unit unit) {
        Guest guest = unit.openGuest(HardwareConfig.of(1), new RecordingRequests());
        typed(() -> guest.readRegister(0, 8));
        typed(() -> guest.writeRegister(0, 8, 1));
        typed(() -> guest.command(new byte[16]));
        typed(() -> guest.call(new NativeCall().begin(1)));
        typed(() -> guest.deviceAccess(7));
        typed(() -> guest.commandName(new byte[16]));
    }

    /** A client sees the core's exception, alone, or none. */
    private static void typed(Runnable call) {
        try {
            call.run();
        } catch (BackendException e) {
            Throwable cause = e.getCause();
            assertTrue(cause == null || cause.getClass().getName().startsWith(Thrown.class.getName()));
            assertDoesNotThrow(() -> e + " " + cause);
        } catch (Unspeakable e) {
            throw new AssertionError("what a vendor threw reached a client");
        }
    }

    @Test
    void shouldNotWaitForTheMessageOfAnException() {
        FakeBackend good = bench.arrived("1.0.0");
        Unit unit = bench.unit(1);
        Container container = Bench.container(unit, 1);
        good.traps().on("invalidate", () -> {
            throw new Silent();
        });
        long start = System.nanoTime();
        Completion completion = Bench.send(container, Bench.invalidate(1, 1));
        assertEquals(Errno.EIO, completion.errno());
        assertTrue(completion.reason().contains(Silent.class.getName()), completion.reason());
        good.traps().off("invalidate");
        assertEquals(Errno.OK, Bench.send(container, Bench.invalidate(1, 1)).errno());
        FakeBackend silent = bench.backend("0.9.0");
        bench.core.arrived(silent);
        silent.traps().on("restoreHardware", () -> {
            throw new Silent();
        });
        String reason = bench.swap("0.9.0", 1000, 100).reason();
        assertTrue(reason.contains(Silent.class.getName()), reason);
        assertEquals(Errno.OK, Bench.send(container, Bench.invalidate(1, 2)).errno());
        FakeBackend mute = bench.backend("3.0.0");
        mute.traps().on("describe", () -> {
            throw new Silent();
        });
        bench.core.arrived(mute);
        assertEquals(State.ACTIVE, bench.state("1.0.0"));
        long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
        assertTrue(millis < 5000, millis + " ms");
    }

    @Test
    void shouldCountWhatItContains() {
        FakeBackend good = bench.arrived("1.0.0");
        Unit unit = bench.unit(1);
        good.traps().on("readRegister", () -> {
            throw new IllegalStateException("no");
        });
        for (int i = 0; i < 3; i++) {
            typed(() -> unit.readRegister(0x100, 8));
        }
        assertEquals(3, bench.core.backends().get(0).contained());
    }
}
