package org.iommu4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.ToIntFunction;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.backend.Shim;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.explain.Explain;
import org.iommu4j.core.fake.Bench;
import org.iommu4j.core.fake.FakeBackend;
import org.iommu4j.core.fake.RecordingRequests;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ExplainService;
import org.iommu4j.core.service.Explanation;
import org.iommu4j.core.service.Guest;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.SwapReport.Outcome;
import org.iommu4j.core.service.Unit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A checked exception that no signature announces, thrown by each method that a vendor implements: on the open path and by a
 * call that waited for a swap. It never reaches anybody untyped, and never another client than the one whose call it was.
 */
@Timeout(60)
class ContainmentTest {
    /** A checked exception that no method declares, as other languages of the JVM throw it. */
    private static final class Undeclared extends Exception {
        private static final long serialVersionUID = 1L;
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable> void sneak(Throwable thrown) throws T {
        throw (T) thrown;
    }

    /** One method of a vendor, and a call of the core's users that comes to it. */
    private record Way(String method, String trap, Call call) {}

    private static final PageRequest PAGE_REQUEST =
            new PageRequest(7, DmaAccess.NO_PASID, 0x1000, true, false, false, false, true, 1);

    private static Errno answered(ToIntFunction<Completion> call) {
        Completion completion = new Completion();
        assertEquals(call.applyAsInt(completion), completion.errno().code());
        return completion.errno();
    }

    private interface Call {
        /** The answer; an exception counts as one. */
        Errno make(Scene scene);
    }

    private static final class FailingShim implements Shim {
        @Override
        public IommuModel model() {
            return IommuModel.INTEL;
        }

        @Override
        public int from() {
            return 5;
        }

        @Override
        public int to() {
            return 1;
        }

        @Override
        public String name() {
            return "failing";
        }

        @Override
        public Fidelity fidelity() {
            return Fidelity.EXACT;
        }

        @Override
        public int rewrite(InvalidateRequest request, Completion completion) {
            ContainmentTest.<RuntimeException>sneak(new Undeclared());
            return 0;
        }
    }

    /** A client in a machine. */
    private static final class Scene implements AutoCloseable {
        private final Bench bench = new Bench();
        private final FakeBackend backend = bench.arrived("1.0.0");
        private final Unit unit = bench.unit(1);
        private final Container container = Bench.container(unit, 1);
        private final Guest guest = unit.openGuest(HardwareConfig.of(1), new RecordingRequests());
        private final ExplainService explain = new Explain(bench.core::backend);

        private Scene() {
            container.attach(7, 0x1000, 4, new Completion());
        }

        @Override
        public void close() {
            bench.close();
        }
    }

    private static Errno answer(Completion completion) {
        return completion.errno();
    }

    private static Errno answer(Explanation explanation) {
        return explanation.problem().contains(Undeclared.class.getName()) ? Errno.EIO : Errno.OK;
    }

    private static Call thrown(Consumer<Scene> call) {
        return scene -> {
            try {
                call.accept(scene);
                return Errno.OK;
            } catch (BackendException e) {
                return e.errno();
            }
        };
    }

    private static Errno mapping(Scene scene) {
        return Bench.map(Bench.container(scene.unit, 1), 0x1000, 0x1000, 0x1000).errno();
    }

    /** The outcome of a call inside a unit or a virtual IOMMU. */
    private static final List<Way> INSIDE = List.of(
            new Way("Translator.openDomain", "openDomain", thrown(scene -> Bench.container(scene.unit, 1))),
            new Way("Translator.closeDomain", "closeDomain", scene -> {
                Completion completion = new Completion();
                scene.container.close(completion);
                return completion.errno();
            }),
            new Way("Translator.attach", "attach", scene -> {
                Completion completion = new Completion();
                scene.container.attach(8, completion);
                return completion.errno();
            }),
            new Way("Translator.detach", "detach", scene -> {
                Completion completion = new Completion();
                scene.container.detach(7, completion);
                return completion.errno();
            }),
            new Way(
                    "Translator.bind",
                    "bind",
                    scene -> answer(Bench.send(scene.container, Bench.bind(1, 7, 0x2000, false)))),
            new Way(
                    "Translator.invalidate",
                    "invalidate",
                    scene -> answer(Bench.send(scene.container, Bench.invalidate(1, 1)))),
            new Way(
                    "Translator.finish",
                    "finish",
                    scene -> answer(Bench.send(scene.container, Bench.invalidate(1, 1)))),
            new Way("Translator.beginMap", "beginMap", ContainmentTest::mapping),
            new Way("Translator.map", "map", ContainmentTest::mapping),
            new Way("Translator.unmap", "unmap", scene -> {
                Container empty = Bench.container(scene.unit, 1);
                Bench.map(empty, 0x1000, 0x1000, 0x1000);
                return Bench.unmap(empty, 0x1000, 0x1000).errno();
            }),
            new Way(
                    "Translator.takePageRequests",
                    "takePageRequests",
                    scene -> answered(completion -> scene.container.takePageRequests(new ArrayList<>(), completion))),
            new Way(
                    "Translator.respond",
                    "respond",
                    scene -> answered(
                            completion -> scene.container.respond(PAGE_REQUEST, PageResponse.SUCCESS, completion))),
            new Way("Translator.tap", "tap", thrown(scene -> scene.unit.tap(bytes -> {}))),
            new Way("Hardware.readRegister", "readRegister", thrown(scene -> scene.unit.readRegister(0x100, 8))),
            new Way("Hardware.writeRegister", "writeRegister", thrown(scene -> scene.unit.writeRegister(0x100, 8, 1))),
            new Way("Hardware.call", "call", thrown(scene -> scene.unit.call(new NativeCall().begin(5)))),
            new Way("Hardware.translate", "translate", scene -> {
                DmaAccess access = new DmaAccess();
                scene.unit.dma(access.begin(7, 4, DmaAccess.READ));
                return access.outcome() == DmaAccess.Outcome.BLOCKED ? Errno.EIO : Errno.OK;
            }),
            new Way(
                    "Hardware.request",
                    "request",
                    scene -> scene.unit.request(PAGE_REQUEST) == PageRequest.Outcome.DROPPED ? Errno.EIO : Errno.OK),
            new Way("Hardware.stepping", "stepping", thrown(scene -> scene.unit.stepping(true))),
            new Way("Hardware.step", "step", thrown(scene -> scene.unit.step(1))),
            new Way("Hardware.takeEvents", "takeEvents", thrown(scene -> scene.unit.takeEvents(bytes -> {}))),
            new Way(
                    "Hardware.visitCache",
                    "visitCache",
                    thrown(scene -> scene.unit.visitCache((cache, tag, pasid, iova, length, pa) -> {}))),
            new Way("Hardware.counters", "counters", thrown(scene -> scene.unit.hardwareCounters())),
            new Way("GuestDecoder.readRegister", "guestRead", thrown(scene -> scene.guest.readRegister(0, 8))),
            new Way("GuestDecoder.writeRegister", "guestWrite", thrown(scene -> scene.guest.writeRegister(0, 8, 1))),
            new Way("GuestDecoder.command", "guestCommand", thrown(scene -> scene.guest.command(new byte[8]))),
            new Way("GuestDecoder.call", "guestCall", thrown(scene -> scene.guest.call(new NativeCall().begin(5)))),
            new Way("GuestDecoder.deviceAccess", "deviceAccess", thrown(scene -> scene.guest.deviceAccess(7))),
            new Way(
                    "GuestDecoder.deviceAccess",
                    "deviceAccessWithPasid",
                    thrown(scene -> scene.guest.deviceAccess(7, 1))),
            new Way("GuestDecoder.deviceEvent", "deviceEvent", thrown(scene -> scene.guest.deviceEvent(new byte[16]))),
            new Way("GuestDecoder.commandName", "commandName", thrown(scene -> scene.guest.commandName(new byte[8]))));

    /** Calls that the core makes on a thread of its own, or for an explanation. */
    private static final List<Way> ASKED = List.of(
            arrival("Backend.describe", "describe"),
            arrival("Backend.shims", "shims"),
            arrival("Backend.unbridgeable", "unbridgeable"),
            arrival("Backend.effectForms", "effectForms"),
            arrival("Backend.bindFormats", "bindFormats"),
            arrival("Backend.captureFormats", "captureFormats"),
            new Way("Backend.createHardware", "createHardware", thrown(scene -> scene.bench.unit(1))),
            new Way("Backend.createTranslator", "createTranslator", thrown(scene -> scene.bench.unit(1))),
            new Way("Hardware.config", "config", thrown(scene -> scene.bench.unit(1))),
            new Way("Translator.subVersion", "subVersion", thrown(scene -> scene.bench.unit(1))),
            new Way(
                    "Backend.createGuestDecoder",
                    "createGuestDecoder",
                    thrown(scene -> scene.unit.openGuest(HardwareConfig.of(1), new RecordingRequests()))),
            new Way(
                    "Backend.checkGuest",
                    "checkGuest",
                    thrown(scene -> scene.unit.openGuest(HardwareConfig.of(1), new RecordingRequests()))),
            arrival("Backend.restoreHardware", "restoreHardware"),
            arrival("Backend.restoreTranslator", "restoreTranslator"),
            arrival("Backend.restoreGuestDecoder", "restoreGuestDecoder"),
            left("Hardware.save", "saveHardware"),
            left("Translator.save", "saveTranslator"),
            left("GuestDecoder.save", "saveGuest"),
            new Way(
                    "Backend.layouts",
                    "layouts",
                    scene -> answer(scene.explain.bytes(IommuModel.INTEL, "FAKE_BIND", 1, new byte[16]))),
            new Way(
                    "Backend.calls",
                    "calls",
                    scene -> answer(scene.explain.words(IommuModel.INTEL, "FAKE_CALL", 1, 1, 2))));

    private static Way arrival(String method, String trap) {
        return new Way(method, trap, scene -> {
            FakeBackend next = scene.bench.backend("3.0.0");
            next.traps().on(trap, () -> ContainmentTest.<RuntimeException>sneak(new Undeclared()));
            scene.bench.core.arrived(next);
            return scene.bench.serves(next) ? Errno.OK : Errno.EIO;
        });
    }

    private static Way left(String method, String trap) {
        return new Way(method, trap, scene -> {
            scene.bench.core.arrived(scene.bench.backend("0.9.0"));
            return scene.bench
                                    .core
                                    .swap(IommuModel.INTEL, "0.9.0", SwapLimits.DEFAULT)
                                    .outcome()
                            == Outcome.ROLLED_BACK
                    ? Errno.EIO
                    : Errno.OK;
        });
    }

    @Test
    void shouldCoverEveryMethodThatAVendorImplements() {
        Set<String> covered = new TreeSet<>();
        INSIDE.forEach(way -> covered.add(way.method));
        ASKED.forEach(way -> covered.add(way.method));
        Set<String> all = new TreeSet<>();
        for (Class<?> type : List.of(Backend.class, Translator.class, Hardware.class, GuestDecoder.class)) {
            for (Method method : type.getMethods()) {
                if (!Modifier.isStatic(method.getModifiers())) {
                    all.add(type.getSimpleName() + "." + method.getName());
                }
            }
        }
        // For explanations and test benches only; what they throw passes the same handler as layouts and calls. A
        // driver that does
        // not tell which memory maps it takes takes none. What a virtual IOMMU throws that is told of page requests
        // reaches nobody:
        // DeviceEventsTest.
        all.removeAll(Set.of(
                "Translator.memoryMap",
                "GuestDecoder.pageRequests",
                "Backend.commands",
                "Backend.payloads",
                "Backend.registers",
                "Backend.meaning",
                "Backend.settings",
                "Backend.formats",
                "Backend.bench"));
        assertEquals(all, covered);
    }

    @Test
    void shouldAnswerTypedOnTheOpenPath() {
        List<Way> ways = new ArrayList<>(INSIDE);
        ways.addAll(ASKED);
        for (Way way : ways) {
            try (Scene scene = new Scene()) {
                scene.backend.traps().on(way.trap, () -> ContainmentTest.<RuntimeException>sneak(new Undeclared()));
                assertEquals(Errno.EIO, way.call.make(scene), way.method);
                scene.backend.traps().off(way.trap);
                if (!way.method.equals("Translator.closeDomain")) {
                    assertEquals(
                            Errno.OK,
                            Bench.send(scene.container, Bench.invalidate(1, 2)).errno(),
                            way.method);
                }
            }
        }
    }

    @Test
    void shouldAnswerTypedToWhoWaitedAndToNobodyElse() throws Exception {
        for (Way way : INSIDE) {
            try (Scene scene = new Scene()) {
                Container other = Bench.container(scene.unit, 1);
                CountDownLatch in = new CountDownLatch(1);
                CountDownLatch out = new CountDownLatch(1);
                FakeBackend next = scene.bench.backend("2.0.0");
                next.traps().on("restoreHardware", () -> {
                    in.countDown();
                    Bench.hangUntil(out);
                });
                next.traps().on(way.trap, () -> {
                    // A close is carried out by whoever leaves the gate next.
                    if (Thread.currentThread().getName().equals("caller") || way.trap.equals("closeDomain")) {
                        ContainmentTest.<RuntimeException>sneak(new Undeclared());
                    }
                });
                Thread swap = start("swap", () -> scene.bench.core.arrived(next));
                assertTrue(in.await(10, TimeUnit.SECONDS));
                AtomicReference<Errno> answer = new AtomicReference<>();
                AtomicReference<Errno> othersAnswer = new AtomicReference<>();
                Thread caller = start("caller", () -> answer.set(way.call.make(scene)));
                Thread client = start(
                        "other",
                        () -> othersAnswer.set(
                                Bench.send(other, Bench.invalidate(1, 1)).errno()));
                while (other.counters().parked() == 0 || caller.getState() == Thread.State.RUNNABLE) {
                    Thread.onSpinWait();
                }
                out.countDown();
                for (Thread thread : List.of(caller, client, swap)) {
                    thread.join(10_000);
                    assertFalse(thread.isAlive(), way.method + ": " + thread.getName() + " waits for ever");
                }
                assertEquals(Errno.EIO, answer.get(), way.method);
                assertEquals(Errno.OK, othersAnswer.get(), way.method);
                assertEquals(Errno.OK, Bench.send(other, Bench.invalidate(1, 2)).errno(), way.method);
            }
        }
    }

    @Test
    void shouldAnswerTypedWhenAShimThrows() {
        try (Scene scene = new Scene()) {
            scene.bench.core.arrived(new FailingShim());
            Container bridged = Bench.container(scene.unit, 5);
            assertEquals(
                    Errno.EIO, Bench.send(bridged, Bench.invalidate(5, 1, 1)).errno());
            assertNotEquals(
                    Errno.EIO,
                    Bench.send(scene.container, Bench.invalidate(1, 1)).errno());
        }
    }

    private static Thread start(String name, Runnable work) {
        Thread thread = new Thread(work, name);
        thread.setDaemon(true);
        thread.start();
        return thread;
    }
}
