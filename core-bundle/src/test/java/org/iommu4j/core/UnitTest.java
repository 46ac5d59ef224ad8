package org.iommu4j.core;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
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
import org.iommu4j.backend.NativeCall;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.fake.Bench;
import org.iommu4j.core.fake.FakeBackend;
import org.iommu4j.core.fake.FakePlatform;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class UnitTest {
    private final Bench bench = new Bench();
    private final DmaAccess access = new DmaAccess();
    private FakeBackend backend;
    private Unit unit;

    @BeforeEach
    void open() {
        backend = bench.arrived("1.0.0");
        unit = bench.unit(1);
    }

    @AfterEach
    void close() {
        bench.close();
    }

    @Test
    void shouldTranslateOrFaultAsTheChipSays() {
        Container container = Bench.container(unit, 1);
        container.attach(7, new Completion());
        unit.dma(access.begin(7, 4, DmaAccess.READ));
        assertEquals(DmaAccess.Outcome.FAULT, access.outcome());
        Bench.send(container, Bench.bind(1, 7, 0x1000, false));
        unit.dma(access.begin(7, 4, DmaAccess.READ));
        assertEquals(DmaAccess.Outcome.TRANSLATED, access.outcome());
        assertEquals(0x1004, access.spa());
    }

    @Test
    void shouldReportABusErrorWhereThereIsNoMemory() {
        Container container = Bench.container(unit, 1);
        container.attach(7, FakePlatform.MEMORY_BYTES - 4, 4, new Completion());
        unit.dma(access.begin(7, 0, DmaAccess.READ).withLength(4));
        assertEquals(DmaAccess.Outcome.TRANSLATED, access.outcome());
        unit.dma(access.begin(7, 0, DmaAccess.READ).withLength(5));
        assertEquals(DmaAccess.Outcome.BUS_ERROR, access.outcome());
        unit.dma(access.begin(7, 8, DmaAccess.READ).withLength(0));
        assertEquals(DmaAccess.Outcome.TRANSLATED, access.outcome());
        unit.dma(access.begin(7, 8, DmaAccess.READ).as(DmaAccess.AddressType.TRANSLATION_REQUEST));
        assertEquals(DmaAccess.Outcome.TRANSLATED, access.outcome());
    }

    @Test
    void shouldTellNoDeviceWhereAPageIsThatIsKeptFromIt() {
        Container container = Bench.container(unit, 1);
        long page = 2 * FakePlatform.PAGE_BYTES;
        container.attach(7, page, 4, new Completion());
        ((FakePlatform) unit.platform()).keepFromDevices(page);
        for (DmaAccess.AddressType type : DmaAccess.AddressType.values()) {
            unit.dma(access.begin(7, 0, DmaAccess.READ).as(type));
            assertEquals(DmaAccess.Outcome.BUS_ERROR, access.outcome(), type::name);
            unit.dma(access.begin(7, FakePlatform.PAGE_BYTES, DmaAccess.READ).as(type));
            assertEquals(DmaAccess.Outcome.TRANSLATED, access.outcome(), type::name);
        }
        unit.dma(access.begin(7, 0, DmaAccess.READ).withLength(0).as(DmaAccess.AddressType.TRANSLATION_REQUEST));
        assertEquals(DmaAccess.Outcome.BUS_ERROR, access.outcome());
    }

    @Test
    void shouldBlockWhenTheChipThrows() {
        backend.traps().on("translate", () -> {
            throw new IllegalStateException("broken");
        });
        access.begin(7, 0, DmaAccess.READ).translated(1, 2, 3, true);
        unit.dma(access);
        assertEquals(DmaAccess.Outcome.BLOCKED, access.outcome());
    }

    @Test
    void shouldReachRegistersAndCalls() {
        unit.writeRegister(0x100, 8, 42);
        assertEquals(42, unit.readRegister(0x100, 8));
        NativeCall call = new NativeCall().begin(5);
        unit.call(call);
        assertEquals(6, call.result());
        unit.stepping(true);
        assertEquals(3, unit.step(3));
        backend.traps().on("readRegister", () -> {
            throw new IllegalStateException("broken");
        });
        assertEquals(
                Errno.EIO,
                assertThrows(BackendException.class, () -> unit.readRegister(0, 8))
                        .errno());
        backend.traps().on("writeRegister", () -> {
            throw new BackendException(Errno.EINVAL, "no");
        });
        assertEquals(
                Errno.EINVAL,
                assertThrows(BackendException.class, () -> unit.writeRegister(0, 8, 0))
                        .errno());
    }

    @Test
    void shouldShowEventsAndCacheOutsideTheGate() {
        List<byte[]> events = new ArrayList<>();
        unit.takeEvents(bytes -> {
            unit.readRegister(0, 8);
            events.add(bytes);
        });
        assertEquals(2, events.size());
        assertArrayEquals(new byte[] {1}, events.get(0));
        List<Long> addresses = new ArrayList<>();
        unit.visitCache((cache, tag, pasid, iova, lengthBytes, pa) -> {
            unit.readRegister(0, 8);
            addresses.add(pa);
        });
        assertEquals(List.of(0x2000L), addresses);
    }

    @Test
    void shouldHaveNoDriverWhenBare() {
        Unit bare = bench.core.openUnit(
                UnitConfig.of(IommuModel.INTEL, HardwareConfig.of(1)).withoutDriver());
        assertTrue(bare.bare());
        assertEquals(
                Errno.ENOTTY,
                assertThrows(BackendException.class, () -> Bench.container(bare, 1))
                        .errno());
        bare.writeRegister(0x100, 8, 1);
        bare.tap(bytes -> {});
        bench.arrived("1.1.0");
        assertEquals(1, bare.readRegister(0x100, 8));
        assertEquals(List.of(unit, bare), bench.core.units());
    }

    @Test
    void shouldSumCountersOverSwaps() {
        Container container = Bench.container(unit, 1);
        Bench.send(container, Bench.invalidate(1, 1));
        bench.arrived("1.1.0");
        Bench.send(container, Bench.invalidate(1, 2));
        assertEquals(2, unit.hardwareCounters().commands());
        bench.swap("1.0.0");
        assertEquals(2, unit.hardwareCounters().commands());
    }

    @Test
    void shouldKeepTapAndSteppingOverSwaps() {
        List<byte[]> seen = new ArrayList<>();
        unit.tap(seen::add);
        unit.stepping(true);
        bench.arrived("1.1.0");
        Bench.send(Bench.container(unit, 1), Bench.invalidate(1, 1));
        assertEquals(1, seen.size());
        assertEquals(4, unit.step(4));
    }

    @Test
    void shouldRefuseInterruptHandlersThatCallTheUnit() {
        AtomicReference<Errno> errno = new AtomicReference<>();
        Unit[] itself = new Unit[1];
        itself[0] = bench.core.openUnit(new UnitConfig(
                IommuModel.INTEL,
                HardwareConfig.of(1),
                true,
                0,
                List.of(),
                (address, data) -> errno.set(assertThrows(BackendException.class, () -> itself[0].readRegister(0, 8))
                        .errno()),
                DevicePort.COMPLETING));
        itself[0].writeRegister(0x18, 8, 3);
        assertEquals(Errno.EBUSY, errno.get());
    }

    @Test
    void shouldFailTypedWhenClosed() {
        Container container = Bench.container(unit, 1);
        unit.close();
        assertEquals(List.of(), bench.core.units());
        assertEquals(Errno.ENODEV, Bench.send(container, Bench.invalidate(1, 1)).errno());
        unit.dma(access.begin(7, 0, DmaAccess.READ));
        assertEquals(DmaAccess.Outcome.BLOCKED, access.outcome());
        assertThrows(BackendException.class, () -> unit.readRegister(0, 8));
        assertThrows(BackendException.class, () -> Bench.container(unit, 1));
        container.close();
        unit.close();
        assertEquals(0, unit.hardwareCounters().commands());
        bench.arrived("1.1.0");
        assertEquals(0, bench.core.swaps().get(0).units());
    }

    @Test
    void shouldUnblockWaitersWhenTheCoreCloses() throws Exception {
        Container container = Bench.container(unit, 1);
        bench.core.leaving(backend);
        AtomicReference<Errno> errno = new AtomicReference<>();
        Thread waiting = new Thread(
                () -> errno.set(Bench.send(container, Bench.invalidate(1, 1)).errno()));
        waiting.start();
        while (container.counters().parked() == 0) {
            Thread.sleep(1);
        }
        bench.core.close();
        waiting.join();
        assertEquals(Errno.ENODEV, errno.get());
        assertThrows(BackendException.class, () -> bench.unit(1));
        bench.arrived("3.0.0");
        assertNull(bench.core.backend(IommuModel.INTEL));
    }

    @Test
    void shouldCloseThoughACallHangs() throws Exception {
        CountDownLatch in = new CountDownLatch(1);
        CountDownLatch out = new CountDownLatch(1);
        backend.traps().on("translate", () -> {
            in.countDown();
            try {
                out.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        Thread stuck = new Thread(() -> unit.dma(access.begin(7, 0, DmaAccess.READ)));
        stuck.start();
        assertTrue(in.await(10, TimeUnit.SECONDS));
        unit.close();
        out.countDown();
        stuck.join();
        assertSame(DmaAccess.Outcome.FAULT, access.outcome());
    }
}
