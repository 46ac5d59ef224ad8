package org.iommu4j.testbench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.iommu4j.amd.AmdViBackend;
import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Mapping;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.Timeout;

/**
 * The longest map: of more memory than the tables of a machine can hold, in pages of 4 KiB. It fails when the machine has no page left
 * for tables, and all is taken back; meanwhile, and while a container with such tables is closed, others are served.
 */
@Timeout(120)
class LongMapTest {
    /** Room for tables with 2^22 leaves. */
    private static final long MEMORY_BYTES = 32 << 20;

    private static final long PAGE = 4096;
    private static final long TOO_LONG = 1L << 37;
    private static final long FITTING = 1L << 33;
    private static final int MOST_TRIES = 3;
    private static final long BAR_NANOS = TimeUnit.MILLISECONDS.toNanos(250);
    private static final long STILL_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
    private static final long WAIT_NANOS = TimeUnit.SECONDS.toNanos(30);

    /** VT-d as a chip without larger pages: what lies alike in both address spaces has small leaves there, too. */
    private static final HardwareConfig SMALL_PAGES =
            new HardwareConfig(0x110, Map.of("cap", Map.of("SLLPS", 0L)), Map.of(), CacheConfig.DEFAULT, Map.of());

    /**
     * What another guest met.
     *
     * @param requests it sent
     * @param worstNanos the longest that one of them took
     * @param machineNanos how late the machine woke, at worst, a thread that asked nobody for anything
     */
    private record Met(int requests, long worstNanos, long machineNanos) {}

    private static int send(Container container, long request, byte[] bytes, Completion completion) {
        return container.ioctl(request, bytes, 0, bytes.length, completion);
    }

    /** Carries work out in a thread, and lets another guest map and unmap a page until it is done. */
    private static Met beside(Runnable work, Container other, RequestWriter writer) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(2);
        AtomicLong late = new AtomicLong();
        AtomicBoolean over = new AtomicBoolean();
        byte[] map = writer.map(new Mapping(0, 0, PAGE, Uapi.MAP_FLAGS_MASK));
        byte[] unmap = writer.unmap(0, PAGE, 0);
        try {
            threads.execute(() -> {
                while (!over.get()) {
                    long before = System.nanoTime();
                    LockSupport.parkNanos(1_000_000);
                    late.accumulateAndGet(System.nanoTime() - before, Math::max);
                }
            });
            Future<?> done = threads.submit(work);
            Completion answer = new Completion();
            int requests = 0;
            long worst = 0;
            while (!done.isDone()) {
                boolean maps = requests % 2 == 0;
                long before = System.nanoTime();
                send(
                        other,
                        maps ? Uapi.VFIO_IOMMU_MAP_DMA : Uapi.VFIO_IOMMU_UNMAP_DMA,
                        maps ? map : unmap.clone(),
                        answer);
                worst = Math.max(worst, System.nanoTime() - before);
                // Without a page for its own tables it is refused, at once.
                assertTrue(answer.errno() != Errno.ETIMEDOUT, answer::toString);
                requests++;
            }
            done.get();
            return new Met(requests, worst, late.get());
        } finally {
            over.set(true);
            threads.shutdownNow();
        }
    }

    private static void expectFailedMapAndClosing(
            Supplier<Backend> backend, HardwareConfig chip, long pa, TestReporter reporter) throws Exception {
        Met[] met = new Met[0];
        for (int tries = 0; tries < MOST_TRIES; tries++) {
            met = longMapAndClosing(backend.get(), chip, pa);
            if (List.of(met).stream().allMatch(one -> one.worstNanos < BAR_NANOS || one.machineNanos < STILL_NANOS)) {
                break;
            }
        }
        for (Met one : met) {
            reporter.publishEntry("another guest", one.toString());
            assertTrue(one.worstNanos < BAR_NANOS, one::toString);
        }
        assertTrue(met[0].requests > 100, met[0]::toString);
    }

    private static Met[] longMapAndClosing(Backend backend, HardwareConfig chip, long pa) throws Exception {
        try (IommuCore core = new IommuCore(config -> new SimulatedPlatform(config, System::nanoTime, MEMORY_BYTES))) {
            core.arrived(backend);
            IommuModel model = backend.describe().model();
            Unit unit = core.openUnit(new UnitConfig(
                    model,
                    chip,
                    false,
                    0,
                    List.of(),
                    (address, data) -> {},
                    DevicePort.COMPLETING,
                    Sanitizer.Mode.OFF));
            Offer offer = Offer.exactly(model, chip.subVersion());
            ContainerConfig config = new ContainerConfig(Abi.LP64_LE, offer, WAIT_NANOS, 16);
            RequestWriter writer = new RequestWriter(Abi.LP64_LE, model, chip.subVersion());
            Container guest = unit.openContainer(config);
            Container other = unit.openContainer(config);
            Completion first = new Completion();
            send(other, Uapi.VFIO_IOMMU_MAP_DMA, writer.map(new Mapping(PAGE, 0, PAGE, 3)), first);
            assertEquals(Errno.OK, first.errno(), first::toString);

            Completion failed = new Completion();
            byte[] tooLong = writer.map(new Mapping(0, pa, TOO_LONG, Uapi.MAP_FLAGS_MASK));
            Met besideMap = beside(() -> send(guest, Uapi.VFIO_IOMMU_MAP_DMA, tooLong, failed), other, writer);
            assertEquals(Errno.ENOMEM, failed.errno(), failed::toString);
            assertEquals(List.of(), guest.memoryMap());

            Completion mapped = new Completion();
            send(guest, Uapi.VFIO_IOMMU_MAP_DMA, writer.map(new Mapping(0, pa, FITTING, Uapi.MAP_FLAGS_MASK)), mapped);
            assertEquals(Errno.OK, mapped.errno(), mapped::toString);
            Completion closed = new Completion();
            Met besideClosing = beside(() -> guest.close(closed), other, writer);
            assertEquals(Errno.OK, closed.errno(), closed::toString);
            return new Met[] {besideMap, besideClosing};
        }
    }

    @Test
    void shouldServeOthersBesideALongMapOfVtdWithoutLargePages(TestReporter reporter) throws Exception {
        expectFailedMapAndClosing(VtdBackend::new, SMALL_PAGES, 0, reporter);
    }

    @Test
    void shouldServeOthersBesideALongMapOfSmmuThatFitsNoLargePages(TestReporter reporter) throws Exception {
        expectFailedMapAndClosing(SmmuBackend::new, HardwareConfig.of(0x0301), PAGE, reporter);
    }

    @Test
    void shouldServeOthersBesideALongMapOfAmdThatFitsNoLargePages(TestReporter reporter) throws Exception {
        expectFailedMapAndClosing(AmdViBackend::new, HardwareConfig.of(0x0200), PAGE, reporter);
    }
}
