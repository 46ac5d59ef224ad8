package org.iommu4j.core.lease;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.RevocableMemory;
import org.iommu4j.contract.Errno;
import org.iommu4j.core.fake.Bench;
import org.iommu4j.core.fake.FakeBackend;
import org.iommu4j.core.fake.FakePlatform;
import org.iommu4j.core.fake.RecordingRequests;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.Unit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class LeaseTest {
    private final FakePlatform machine =
            new FakePlatform(new PlatformConfig(40, List.of(), (address, data) -> {}, DevicePort.COMPLETING));
    private final Bench bench = new Bench();

    @AfterEach
    void close() {
        bench.close();
    }

    @Test
    void shouldPassOnEveryMethodOfThePlatformItself() throws Exception {
        // A method that the platform gets later must not answer past the lease.
        for (Method method : Platform.class.getMethods()) {
            assertSame(
                    Lease.class,
                    Lease.class
                            .getMethod(method.getName(), method.getParameterTypes())
                            .getDeclaringClass(),
                    method::toString);
        }
        Class<?> view = new Lease(machine).memory().getClass();
        for (Method method : PhysicalMemory.class.getMethods()) {
            assertSame(
                    view,
                    view.getDeclaredMethod(method.getName(), method.getParameterTypes())
                            .getDeclaringClass(),
                    method::toString);
        }
    }

    @Test
    void shouldReachNothingAfterItsEnd() throws Exception {
        Lease lease = new Lease(machine);
        RevocableMemory memory = (RevocableMemory) lease.memory();
        memory.writeLongLe(8, 5);
        boolean[] told = new boolean[2];
        memory.onEnd(() -> told[0] = true);
        lease.end();
        memory.onEnd(() -> told[1] = true);
        assertTrue(told[0] && told[1]);
        for (Method method : PhysicalMemory.class.getMethods()) {
            if (!Modifier.isStatic(method.getModifiers())) {
                expectOver(() -> method.invoke(memory, arguments(method)));
            }
        }
        expectOver(() -> lease.allocatePages(1));
        expectOver(() -> {
            lease.freePages(0, 1);
            return null;
        });
        expectOver(() -> {
            lease.interrupts().raise(1, 2);
            return null;
        });
        expectOver(() -> lease.devices().invalidate(1, -1, 0, 0));
        assertEquals(5, machine.memory().readLongLe(8));
    }

    private static Object[] arguments(Method method) {
        Object[] arguments = new Object[method.getParameterCount()];
        for (int i = 0; i < arguments.length; i++) {
            Class<?> type = method.getParameterTypes()[i];
            arguments[i] = type == long.class
                    ? 16L
                    : type == int.class ? (Object) 8 : type == long[].class ? new long[2] : new byte[16];
        }
        return arguments;
    }

    private interface Call {
        Object run() throws Exception;
    }

    private static void expectOver(Call call) {
        BackendException thrown = assertThrows(BackendException.class, () -> {
            try {
                call.run();
            } catch (InvocationTargetException e) {
                throw e.getCause();
            }
        });
        assertEquals(Errno.ENODEV, thrown.errno());
    }

    @Test
    void shouldOwnPagesUntilTheyAreHandedOver() {
        Lease first = new Lease(machine);
        long table = first.allocatePages(3);
        first.freePages(table + 4096, 1);
        assertEquals(2, machine.allocated());
        Lease second = first.handOver();
        long more = second.allocatePages(4);
        second.freePages(table, 1);
        assertEquals(6, machine.allocated(), "the first may still need its page");
        second.takeOver();
        first.end();
        assertEquals(5, machine.allocated());
        assertThrows(BackendException.class, () -> second.freePages(table, 1));
        second.freePages(more, 4);
        second.endAndFree();
        assertEquals(0, machine.allocated());
    }

    @Test
    void shouldGiveBackWhatASuccessorTookThatDidNotComeToServe() {
        Lease first = new Lease(machine);
        long table = first.allocatePages(2);
        Lease second = first.handOver();
        second.allocatePages(5);
        second.freePages(table, 2);
        second.endAndFree();
        assertEquals(2, machine.allocated());
        first.freePages(table, 2);
    }

    @Test
    void shouldKeepRangesAsASetOfPages() {
        Random random = new Random(20261130);
        PageRanges ranges = new PageRanges();
        BitSet pages = new BitSet();
        for (int i = 0; i < 20_000; i++) {
            int first = random.nextInt(200);
            int count = 1 + random.nextInt(9);
            if (random.nextBoolean()) {
                ranges.add((long) first << 12, count);
                pages.set(first, first + count);
            } else {
                boolean all = pages.nextClearBit(first) >= first + count;
                assertEquals(all, ranges.remove((long) first << 12, count));
                if (all) {
                    pages.clear(first, first + count);
                }
            }
            BitSet seen = new BitSet();
            ranges.copy().forEach((pa, number) -> seen.set((int) (pa >>> 12), (int) (pa >>> 12) + number));
            assertEquals(pages, seen);
        }
    }

    @Test
    void shouldNotLoseAPageOverManyCrashesAndSwaps() {
        FakeBackend serving = bench.arrived("1.0.0");
        Unit unit = bench.unit(1);
        unit.openGuest(HardwareConfig.of(1), new RecordingRequests());
        FakePlatform platform = (FakePlatform) unit.platform();
        for (int i = 0; i < 200; i++) {
            if (i % 2 == 0) {
                serving.traps().on("saveHardware", () -> {
                    throw new IllegalStateException("crashed");
                });
            }
            bench.core.leaving(serving);
            serving = bench.arrived("1.0." + i);
            bench.arrived("1.0." + i);
            assertEquals(FakeBackend.DRIVER_PAGES, platform.allocated());
        }
    }

    @Test
    void shouldLeaveNothingToACallThatWasGivenUp() throws Exception {
        FakeBackend old = bench.arrived("1.0.0");
        Unit unit = bench.unit(1);
        Container container = Bench.container(unit, 1);
        CountDownLatch in = new CountDownLatch(1);
        CountDownLatch out = new CountDownLatch(1);
        AtomicReference<Platform> given = new AtomicReference<>();
        old.portUser(port -> {
            given.set(port.platform());
            in.countDown();
            Bench.hangUntil(out);
            port.platform().memory().writeLongLe(16, 0xbad);
        });
        AtomicReference<Errno> errno = new AtomicReference<>();
        Thread stuck = new Thread(
                () -> errno.set(Bench.send(container, Bench.invalidate(1, 1)).errno()));
        stuck.start();
        in.await();
        bench.core.leaving(old);
        bench.arrived("1.0.1");
        out.countDown();
        stuck.join();
        assertEquals(Errno.EIO, errno.get());
        assertEquals(0, unit.platform().memory().readLongLe(16));
        assertThrows(BackendException.class, () -> given.get().allocatePages(1));
        assertEquals(FakeBackend.DRIVER_PAGES, ((FakePlatform) unit.platform()).allocated());
    }
}
