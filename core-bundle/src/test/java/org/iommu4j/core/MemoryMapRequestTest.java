package org.iommu4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.MemoryMapSupport;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Mapping;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.fake.Bench;
import org.iommu4j.core.fake.FakeBackend;
import org.iommu4j.core.fake.FakePlatform;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.core.service.SwapReport.Outcome;
import org.iommu4j.core.service.Unit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The memory of a container: what maps and unmaps do and refuse, and what becomes of them at swaps. */
@Timeout(60)
class MemoryMapRequestTest {
    private static final long PAGE = 4096;
    private static final long MEBIBYTE = 1 << 20;

    private final Bench bench = new Bench();
    private FakeBackend backend;
    private Unit unit;
    private Container container;

    @BeforeEach
    void open() {
        backend = bench.arrived("1.0.0");
        unit = bench.unit(1);
        container = Bench.container(unit, 1);
    }

    @AfterEach
    void close() {
        bench.close();
    }

    private static void expect(Rule rule, String field, long value, Completion completion) {
        assertEquals(rule, completion.rule(), completion::toString);
        assertEquals(rule.errno(), completion.errno());
        assertEquals(field, completion.field());
        assertEquals(value, completion.value());
        assertEquals(0, completion.handled());
    }

    private static void expectDone(Completion completion) {
        assertEquals(Errno.OK, completion.errno(), completion::toString);
        assertEquals(1, completion.handled());
    }

    private static Mapping mapping(long iova, long pa, long size) {
        return new Mapping(iova, pa, size, Uapi.MAP_FLAGS_MASK);
    }

    private void expectMapped(FakeBackend serving, Mapping... mappings) {
        assertEquals(List.of(mappings), container.memoryMap());
        assertEquals(List.of(mappings), serving.memoryOf(container.id()));
    }

    @Test
    void shouldMapAndUnmapWholeMappings() {
        expectDone(Bench.map(container, 0x10000, 0x1000, 2 * PAGE));
        expectDone(Bench.map(container, 0x8000, 0x1000, PAGE));
        expectDone(Bench.map(container, 0x12000, 0x5000, PAGE));
        expectMapped(
                backend,
                mapping(0x8000, 0x1000, PAGE),
                mapping(0x10000, 0x1000, 2 * PAGE),
                mapping(0x12000, 0x5000, PAGE));

        expectDone(Bench.unmap(container, 0xf000, 3 * PAGE));
        expectMapped(backend, mapping(0x8000, 0x1000, PAGE), mapping(0x12000, 0x5000, PAGE));
        expectDone(Bench.unmapAll(container));
        expectMapped(backend);
        expectDone(Bench.unmapAll(container));
        assertEquals(6, container.counters().completed());
    }

    @Test
    void shouldTellInTheBytesOfAnUnmapHowMuchWasMapped() {
        for (Abi abi : Abi.values()) {
            Bench.map(container, 0x10000, 0x1000, 2 * PAGE);
            Bench.map(container, 0x20000, 0x1000, PAGE);
            byte[] request = new RequestWriter(abi, IommuModel.INTEL, 1).unmap(0, 0x100000, 0);
            byte[] padded = new byte[request.length + 5];
            System.arraycopy(request, 0, padded, 5, request.length);
            container.ioctl(abi, Uapi.VFIO_IOMMU_UNMAP_DMA, padded, 5, request.length, new Completion());
            assertEquals(3 * PAGE, Uapi.UNMAP_SIZE.get(padded, 5, abi), abi::label);
            assertEquals(0, Uapi.UNMAP_IOVA.get(padded, 5, abi));
        }
    }

    @Test
    void shouldRefuseWhatDoesNotFit() {
        expectDone(Bench.map(container, 0x10000, 0x1000, 4 * PAGE));
        expect(Rule.V45, "iova", 0x13000, Bench.map(container, 0x13000, 0x1000, PAGE));
        expect(Rule.V45, "iova", 0xf000, Bench.map(container, 0xf000, 0x1000, 16 * PAGE - PAGE));
        expect(Rule.V45, "iova", 0x10000, Bench.map(container, 0x10000, 0x1000, 4 * PAGE));
        expect(Rule.V48, "iova", 0x10000, Bench.unmap(container, 0x10000, PAGE));
        expect(Rule.V48, "iova", 0x12000, Bench.unmap(container, 0x12000, 4 * PAGE));
        expect(Rule.V48, "iova", 0x11000, Bench.unmap(container, 0x11000, PAGE));
        expect(Rule.V49, "iova", 0x20000, Bench.unmap(container, 0x20000, PAGE));
        expect(Rule.V42, "iova", 1L << 48, Bench.map(container, 1L << 48, 0x1000, PAGE));
        expect(Rule.V42, "iova", (1L << 48) - PAGE, Bench.map(container, (1L << 48) - PAGE, 0x1000, 2 * PAGE));
        expect(Rule.V43, "vaddr", 0x10000, Bench.map(container, 0x40000, 0x10000, PAGE));
        expect(Rule.V43, "vaddr", 0xf000, Bench.map(container, 0x40000, 0xf000, 2 * PAGE));
        expectMapped(backend, mapping(0x10000, 0x1000, 4 * PAGE));
    }

    @Test
    void shouldTakeNoSmallerPagesThanTheChipHas() {
        backend.memoryMaps(new MemoryMapSupport(1L << 16, 48));
        expect(Rule.V42, "iova", 0x1000, Bench.map(container, 0x1000, 0, 0x10000));
        expect(Rule.V42, "size", 0x1000, Bench.map(container, 0x10000, 0, 0x1000));
        expect(Rule.V42, "vaddr", 0x1000, Bench.map(container, 0x10000, 0x1000, 0x10000));
        assertNull(backend.memoryOf(container.id()));
    }

    @Test
    void shouldMapNoPageOfTheHost() {
        ((FakePlatform) unit.platform()).keepFromDevices(0x3000);
        expect(Rule.V44, "vaddr", 0x1000, Bench.map(container, 0x40000, 0x1000, 3 * PAGE));
        expectDone(Bench.map(container, 0x40000, 0x1000, 2 * PAGE));
    }

    @Test
    void shouldHaveABoundOfMappings() {
        for (int i = 0; i < 65535; i++) {
            assertEquals(Errno.OK, Bench.map(container, i * PAGE, 0x1000, PAGE).errno());
        }
        expect(Rule.V46, "iova", 65535 * PAGE, Bench.map(container, 65535 * PAGE, 0x1000, PAGE));
        expectDone(Bench.unmap(container, 0, PAGE));
        expectDone(Bench.map(container, 65535 * PAGE, 0x1000, PAGE));
    }

    @Test
    void shouldRefuseWhereTheBackendTakesNone() {
        backend.memoryMaps(MemoryMapSupport.NONE);
        expect(Rule.V41, "request", Uapi.VFIO_IOMMU_MAP_DMA, Bench.map(container, 0, 0, PAGE));
        expect(Rule.V41, "request", Uapi.VFIO_IOMMU_UNMAP_DMA, Bench.unmapAll(container));
        backend.memoryMaps(null);
        expect(Rule.V41, "request", Uapi.VFIO_IOMMU_MAP_DMA, Bench.map(container, 0, 0, PAGE));
        backend.traps().on("memoryMap", () -> {
            throw new IllegalStateException("broken");
        });
        expect(Rule.V41, "request", Uapi.VFIO_IOMMU_MAP_DMA, Bench.map(container, 0, 0, PAGE));
    }

    @Test
    void shouldBeMappedFromTheBeginningAndForGood() {
        container.attach(7, new Completion());
        Bench.send(container, Bench.bind(1, 7, 0x1000, false));
        expect(Rule.V47, "iova", 0, Bench.map(container, 0, 0, PAGE));
        Bench.send(container, Bench.bind(1, 7, 0x1000, true));
        expectDone(Bench.map(container, 0x5000, 0, PAGE));
        Completion attached = new Completion();
        container.attach(8, 0x1000, 4, attached);
        assertEquals(Errno.EBUSY, attached.errno());
        assertEquals("table", attached.field());

        expect(Rule.V50, "base", 0x1000, Bench.send(container, Bench.bind(1, 7, 0x1000, false)));
        expectDone(Bench.send(container, Bench.bind(1, 7, 0x5000, false)));
        expectDone(Bench.unmapAll(container));
        expectMapped(backend);
        expect(Rule.V50, "base", 0x5000, Bench.send(container, Bench.bind(1, 7, 0x5000, false)));

        Container other = Bench.container(unit, 1);
        other.attach(9, 0x1000, 4, new Completion());
        expect(Rule.V47, "iova", 0, Bench.map(other, 0, 0, PAGE));
    }

    @Test
    void shouldHandTheMapToTheSuccessor() {
        Bench.map(container, 0x5000, 0x1000, PAGE);
        Bench.map(container, 0x9000, 0x2000, PAGE);
        FakeBackend next = bench.arrived("1.1.0");
        expectMapped(next, mapping(0x5000, 0x1000, PAGE), mapping(0x9000, 0x2000, PAGE));
        expectDone(Bench.unmap(container, 0x5000, PAGE));
        expectMapped(next, mapping(0x9000, 0x2000, PAGE));
    }

    @Test
    void shouldBuildTheMapAgainBeforeAnythingIsBound() {
        container.attach(7, new Completion());
        Bench.map(container, 0x5000, 0x1000, PAGE);
        Bench.send(container, Bench.bind(1, 7, 0x5000, false));
        Container empty = Bench.container(unit, 1);
        Bench.map(empty, 0x5000, 0x1000, PAGE);
        Bench.unmapAll(empty);
        backend.traps().on("saveTranslator", () -> {
            throw new IllegalStateException("crashed");
        });
        FakeBackend next = bench.backend("1.1.0");
        bench.core.leaving(backend);
        bench.core.arrived(next);
        bench.core.backends();
        expectMapped(next, mapping(0x5000, 0x1000, PAGE));
        assertEquals(List.of(), next.memoryOf(empty.id()));
        List<String> events = bench.journal.events();
        int map = events.indexOf("1.1.0 map " + container.id() + " " + mapping(0x5000, 0x1000, PAGE));
        assertTrue(map >= 0 && map < events.indexOf("1.1.0 bind 7 0x5000"), events::toString);
    }

    @Test
    void shouldNotBeServedByABackendThatTakesNoMap() {
        Bench.map(container, 0x5000, 0x1000, PAGE);
        bench.core.arrived(bench.backend("1.1.0").memoryMaps(MemoryMapSupport.NONE));
        SwapReport report = bench.swap("1.1.0");
        assertEquals(Outcome.ROLLED_BACK, report.outcome());
        assertTrue(report.reason().contains("memory map"), report.reason());
        expectMapped(backend, mapping(0x5000, 0x1000, PAGE));
        expectDone(Bench.unmapAll(container));
    }

    @Test
    void shouldSayBeforeASwapThatAMapWouldBeLost() {
        FakeBackend taking = bench.backend("1.2.0").serving(FakeBackend.generation(1, MemoryMapSupport.CAPABILITY));
        bench.core.arrived(taking);
        Bench.map(container, 0x5000, 0x1000, PAGE);
        bench.core.arrived(bench.backend("1.1.0").memoryMaps(MemoryMapSupport.NONE));
        assertTrue(bench.core.preview(IommuModel.INTEL, "1.1.0").reason().contains("memory map"));
        assertEquals(Outcome.REFUSED, bench.swap("1.1.0").outcome());
        expectMapped(taking, mapping(0x5000, 0x1000, PAGE));
        expectDone(Bench.unmapAll(container));
    }

    @Test
    void shouldBlockWhoHasAMapWhereOnlyABackendWithoutMapsIsLeft() {
        container.attach(7, new Completion());
        Bench.map(container, 0x5000, 0x1000, PAGE);
        Bench.send(container, Bench.bind(1, 7, 0x5000, false));
        bench.core.leaving(backend);
        bench.core.arrived(bench.backend("1.1.0").memoryMaps(MemoryMapSupport.NONE));
        DmaAccess access = new DmaAccess();
        unit.dma(access.begin(7, 4, DmaAccess.READ));
        assertTrue(access.outcome() != DmaAccess.Outcome.TRANSLATED, access::toString);
    }

    @Test
    void shouldLetASwapInBetweenThePiecesOfALongMap() throws Exception {
        FakeBackend next = bench.backend("1.1.0");
        bench.core.arrived(next);
        assertEquals(Outcome.DONE, bench.swap("1.0.0").outcome());
        CountDownLatch in = new CountDownLatch(1);
        backend.traps().on("map", () -> {
            in.countDown();
            LockSupport.parkNanos(1_000_000);
        });
        Mapping whole = mapping(0x1000, FakePlatform.FAR_MEMORY, 2048 * MEBIBYTE);
        Completion[] answer = new Completion[1];
        Thread client = start(() -> answer[0] = Bench.map(container, whole.iova(), whole.pa(), whole.size()));
        assertTrue(in.await(10, TimeUnit.SECONDS));
        assertEquals(Outcome.DONE, bench.swap("1.1.0").outcome());
        client.join();
        expectDone(answer[0]);
        assertEquals(List.of(whole), container.memoryMap());
        long at = whole.iova();
        for (Mapping piece : next.memoryOf(container.id())) {
            assertEquals(at, piece.iova());
            assertEquals(at - whole.iova() + whole.pa(), piece.pa());
            at += piece.size();
        }
        assertEquals(whole.last() + 1, at);
        assertTrue(bench.journal.events().stream().anyMatch(event -> event.startsWith("1.1.0 map")));
    }

    @Test
    void shouldLeaveNothingOfAMapThatFailsHalfway() {
        Bench.map(container, 0x5000, 0x1000, PAGE);
        int[] calls = new int[1];
        backend.traps().on("map", () -> {
            if (++calls[0] == 3) {
                throw new IllegalStateException("no more");
            }
        });
        Completion failed = Bench.map(container, 0x1000_0000, FakePlatform.FAR_MEMORY + PAGE, 64 * MEBIBYTE);
        assertEquals(Errno.EIO, failed.errno());
        expectMapped(backend, mapping(0x5000, 0x1000, PAGE));
        backend.traps().off("map");
        expectDone(Bench.map(container, 0x1000_0000, 0x1000, PAGE));
    }

    @Test
    void shouldLeaveNothingOfAMapWhoseContainerTheClientClosed() throws Exception {
        AtomicReference<Completion> closed = new AtomicReference<>();
        backend.traps().on("map", () -> {
            if (closed.get() == null) {
                closed.set(new Completion());
                start(() -> container.close(closed.get()));
            }
            LockSupport.parkNanos(1_000_000);
        });
        Completion answer = Bench.map(container, 0x1000, FakePlatform.FAR_MEMORY, 2048 * MEBIBYTE);
        assertEquals(Errno.ESTALE, answer.errno(), answer::toString);
        Container second = Bench.container(unit, 1);
        expectDone(Bench.map(second, 0x1000, 0, PAGE));
        assertEquals(List.of(mapping(0x1000, 0, PAGE)), backend.memoryOf(second.id()));
    }

    @Test
    void shouldTakeBackWhatAMapHasMappedThatDoesNotGoOn() throws Exception {
        Container impatient = unit.openContainer(Bench.client(1, 200, 100));
        CountDownLatch in = new CountDownLatch(1);
        backend.traps().on("map", () -> {
            in.countDown();
            LockSupport.parkNanos(1_000_000);
        });
        Completion[] answer = new Completion[1];
        Thread client = start(() -> answer[0] = Bench.map(impatient, 0x1000, FakePlatform.FAR_MEMORY, 8192 * MEBIBYTE));
        assertTrue(in.await(10, TimeUnit.SECONDS));
        bench.core.leaving(backend);
        client.join();
        assertEquals(Errno.ENODEV, answer[0].errno(), answer[0]::toString);
        FakeBackend next = bench.arrived("1.1.0");
        expectDone(Bench.unmapAll(impatient));
        assertEquals(List.of(), next.memoryOf(impatient.id()));
        assertEquals(List.of(), impatient.memoryMap());
        expectDone(Bench.map(impatient, 0x1000, 0, PAGE));
    }

    @Test
    void shouldMapAndTakeBackInPiecesOfFewLeavesOnAChipWithSmallPagesOnly() throws Exception {
        backend.memoryMaps(new MemoryMapSupport(PAGE, 48));
        int[] calls = new int[1];
        CountDownLatch in = new CountDownLatch(1);
        backend.traps().on("map", () -> {
            LockSupport.parkNanos(100_000);
            if (++calls[0] == 400) {
                in.countDown();
                throw new IllegalStateException("no more");
            }
        });
        AtomicInteger takenBack = new AtomicInteger();
        backend.traps().on("unmap", () -> {
            takenBack.incrementAndGet();
            LockSupport.parkNanos(100_000);
        });
        Completion[] answer = new Completion[1];
        Thread client = start(() -> answer[0] = Bench.map(container, 0, FakePlatform.FAR_MEMORY, 2048 * MEBIBYTE));
        assertTrue(in.await(30, TimeUnit.SECONDS));
        Container other = Bench.container(unit, 1);
        int between = 0;
        while (client.isAlive()) {
            expectDone(Bench.map(other, 0, 0, PAGE));
            between++;
            expectDone(Bench.unmapAll(other));
        }
        client.join();
        assertEquals(Errno.EIO, answer[0].errno(), answer[0]::toString);
        assertTrue(answer[0].reason().contains("no more"), answer[0].reason());
        assertTrue(between > 10, () -> "others came in while it was taken back");
        assertTrue(takenBack.get() >= 399, takenBack::toString);
        expectMapped(backend);
        assertTrue(bench.journal.events().stream()
                .filter(event -> event.startsWith("1.0.0 map " + container.id()))
                .allMatch(event -> event.contains("0x200000")));
    }

    @Test
    void shouldTryAgainToTakeBackWhatCouldNotBeTakenBack() {
        int[] calls = new int[1];
        backend.traps().on("map", () -> {
            if (++calls[0] == 3) {
                throw new IllegalStateException("no more");
            }
        });
        backend.traps().on("unmap", () -> {
            throw new IllegalStateException("stuck");
        });
        Completion failed = Bench.map(container, 0x1000_0000, FakePlatform.FAR_MEMORY + PAGE, 64 * MEBIBYTE);
        assertEquals(Errno.EIO, failed.errno());
        assertTrue(failed.reason().contains("no more"), failed.reason());
        assertTrue(failed.reason().contains("could not be taken back"), failed.reason());
        backend.traps().off("map");
        Completion refused = Bench.map(container, 0x5000, 0x1000, PAGE);
        assertEquals(Errno.EIO, refused.errno());
        assertTrue(refused.reason().contains("could not be taken back"), refused.reason());
        backend.traps().off("unmap");
        expectDone(Bench.map(container, 0x1000_0000, 0x1000, PAGE));
        expectMapped(backend, mapping(0x1000_0000, 0x1000, PAGE));
    }

    @Test
    void shouldRefuseAnotherMapWhileOneIsUnderWay() throws Exception {
        CountDownLatch in = new CountDownLatch(1);
        backend.traps().on("map", () -> {
            in.countDown();
            LockSupport.parkNanos(2_000_000);
        });
        Thread client = start(() -> Bench.map(container, 0x1000, FakePlatform.FAR_MEMORY, 1024 * MEBIBYTE));
        assertTrue(in.await(10, TimeUnit.SECONDS));
        assertEquals(Errno.EBUSY, Bench.map(container, 0x1000, 0, PAGE).errno());
        assertTrue(client.isAlive());
        Container other = Bench.container(unit, 1);
        expectDone(Bench.map(other, 0x1000, 0, PAGE));
        client.join();
        assertEquals(1, container.memoryMap().size());
    }

    @Test
    void shouldMapInABoundedContainer() {
        Container bounded = unit.openContainer(Bench.client(1, 1000, 100).asBounded());
        expectDone(Bench.map(bounded, 0x1000, 0, PAGE));
        byte[] request = Bench.writer(1).unmap(0, 0x100000, 0);
        bounded.ioctl(Uapi.VFIO_IOMMU_UNMAP_DMA, request, 0, request.length, new Completion());
        assertEquals(PAGE, Uapi.UNMAP_SIZE.get(request, 0, Abi.LP64_LE));
        assertEquals(List.of(), bounded.memoryMap());
    }

    private static Thread start(Runnable work) {
        Thread thread = new Thread(work);
        thread.setDaemon(true);
        thread.start();
        return thread;
    }
}
