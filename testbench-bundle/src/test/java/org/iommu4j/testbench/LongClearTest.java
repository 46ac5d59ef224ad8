package org.iommu4j.testbench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.spapr.SpaprBackend;
import org.iommu4j.spapr.command.BindPgtable;
import org.iommu4j.spapr.command.InvalidateData;
import org.iommu4j.spapr.command.SpaprGeneration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.Timeout;

/** The longest request that the contract knows: one message unmaps a window of sPAPR with 2^28 pages. */
@Timeout(120)
class LongClearTest {
    private static final int GENERATION = SpaprGeneration.IODA3;
    private static final int PAGE_SHIFT = 12;

    /** Log2 of the pages that a request unmaps. */
    private static final int PAGES_SHIFT = 28;

    private static final int LEVELS = 3;
    private static final long WINDOW_BASE = 1L << 59;
    private static final long TOP = 0x1000_0000;
    private static final long MIDDLE = 0x1010_0000;
    private static final long LEAVES = 0x1020_0000;
    private static final long OTHERS_TABLE = 0x1030_0000;
    private static final int GUESTS_WINDOW = 0x8000_0000;
    private static final int OTHERS_WINDOW = 0x8000_0001;
    private static final long READ_WRITE = 3;
    private static final int MOST_TRIES = 3;
    private static final long BAR_NANOS = TimeUnit.MILLISECONDS.toNanos(250);
    private static final long STILL_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
    private static final long WAIT_NANOS = TimeUnit.SECONDS.toNanos(30);

    private final RequestWriter writer = new RequestWriter(Abi.LP64_LE, IommuModel.SPAPR, GENERATION);

    private static Completion send(Container container, byte[] request) {
        Completion completion = new Completion();
        container.ioctl(Uapi.VFIO_IOMMU_OP, request, 0, request.length, completion);
        return completion;
    }

    private byte[] bindOfTheWindow() {
        return writer.bind(
                Uapi.BIND_PGTABLE,
                0,
                BindPgtable.LAYOUT.encode(
                        TOP,
                        BindPgtable.REQUESTER.of(Integer.toUnsignedLong(GUESTS_WINDOW))
                                | BindPgtable.PAGE_SHIFT.of(PAGE_SHIFT)
                                | BindPgtable.WINDOW_SHIFT.of(PAGES_SHIFT + PAGE_SHIFT)
                                | BindPgtable.LEVELS.of(LEVELS),
                        WINDOW_BASE));
    }

    private byte[] clearOfTheWindow() {
        byte[] payload = InvalidateData.LAYOUT.encode(
                InvalidateData.LIOBN.of(Integer.toUnsignedLong(InvalidateData.ALL_WINDOWS))
                        | InvalidateData.OP.of(InvalidateData.OP_CLEAR),
                InvalidateData.PE.of(Integer.toUnsignedLong(InvalidateData.GROUP_PE)),
                0,
                0);
        return writer.invalidate(
                Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0, WINDOW_BASE, 1L << (PAGES_SHIFT + PAGE_SHIFT), payload);
    }

    private byte[] page() {
        return writer.invalidate(Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0, 0, 1L << PAGE_SHIFT, new byte[0]);
    }

    /**
     * The answers that another guest got.
     *
     * @param requests it sent
     * @param worstNanos the longest that one of them took
     * @param swaps made meanwhile
     * @param machineNanos how late the machine woke, at worst, a thread that asked nobody for anything
     */
    private record Met(int requests, long worstNanos, int swaps, long machineNanos) {}

    /**
     * The bar is 250 ms. Only if the machine stood still for more than 100 ms itself does a worse figure not count, and all of it
     * is tried again.
     */
    @Test
    void shouldLetSwapsAndAnotherGuestInWhileTwoThreadsUnmapAWholeWindow(TestReporter reporter) throws Exception {
        Met met = besideTwoClears();
        for (int again = 1;
                again < MOST_TRIES && met.worstNanos >= BAR_NANOS && met.machineNanos > STILL_NANOS;
                again++) {
            met = besideTwoClears();
        }
        reporter.publishEntry("beside two requests over 2^" + PAGES_SHIFT + " pages", met.toString());
        assertTrue(met.swaps >= 4 && met.requests >= 400, met::toString);
        assertTrue(met.worstNanos < BAR_NANOS, met::toString);
    }

    private Met besideTwoClears() throws Exception {
        ExecutorService clients = Executors.newFixedThreadPool(3);
        AtomicLong late = new AtomicLong();
        AtomicBoolean over = new AtomicBoolean();
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(new SpaprBackend());
            core.arrived(new SpaprBackend());
            Unit unit = core.openUnit(new UnitConfig(
                    IommuModel.SPAPR,
                    HardwareConfig.of(GENERATION),
                    false,
                    0,
                    List.of(),
                    (address, data) -> {},
                    DevicePort.COMPLETING,
                    Sanitizer.Mode.OFF));
            ContainerConfig config =
                    new ContainerConfig(Abi.LP64_LE, Offer.exactly(IommuModel.SPAPR, GENERATION), WAIT_NANOS, 16);
            Container guest = unit.openContainer(config);
            Container other = unit.openContainer(config);
            PhysicalMemory memory = unit.platform().memory();
            memory.writeLongBe(TOP, MIDDLE | READ_WRITE);
            memory.writeLongBe(MIDDLE, LEAVES | READ_WRITE);
            memory.writeLongBe(LEAVES, 0x20_0000 | READ_WRITE);
            Completion completion = new Completion();
            other.attach(OTHERS_WINDOW, OTHERS_TABLE, 1, completion);
            assertEquals(Errno.OK, completion.errno(), completion::toString);
            guest.attach(GUESTS_WINDOW, completion);
            assertEquals(Errno.OK, completion.errno(), completion::toString);
            Completion bound = send(guest, bindOfTheWindow());
            assertEquals(Errno.OK, bound.errno(), bound::toString);
            byte[] clear = clearOfTheWindow();
            assertEquals(92, clear.length);

            clients.execute(() -> {
                while (!over.get()) {
                    long before = System.nanoTime();
                    LockSupport.parkNanos(1_000_000);
                    late.accumulateAndGet(System.nanoTime() - before, Math::max);
                }
            });
            List<Future<Completion>> clears = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                clears.add(clients.submit(() -> send(guest, clear)));
            }
            int asked = 0;
            int swaps = 0;
            long worst = 0;
            while (!clears.stream().allMatch(Future::isDone)) {
                for (int i = 0; i < 100; i++) {
                    long before = System.nanoTime();
                    Completion answer = send(other, page());
                    assertEquals(Errno.OK, answer.errno(), answer::toString);
                    worst = Math.max(worst, System.nanoTime() - before);
                    asked++;
                }
                SwapReport report = core.swap(IommuModel.SPAPR, swaps % 2 == 0 ? "#2" : "#1", SwapLimits.DEFAULT);
                assertEquals(SwapReport.Outcome.DONE, report.outcome(), report::toString);
                swaps++;
            }
            for (Future<Completion> one : clears) {
                assertEquals(Errno.OK, one.get().errno(), one.get()::toString);
                assertEquals(1, one.get().handled());
            }
            assertEquals(0, memory.readLongBe(LEAVES));
            assertEquals(MIDDLE | READ_WRITE, memory.readLongBe(TOP));
            assertEquals(asked, other.counters().completed());
            assertEquals(3, guest.counters().completed(), "the bind and both requests, once each");
            return new Met(asked, worst, swaps, late.get());
        } finally {
            over.set(true);
            clients.shutdownNow();
        }
    }
}
