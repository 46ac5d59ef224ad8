package org.iommu4j.testbench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.Guest;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.Timeout;

/** The longest instruction of a guest: RPCIT over the whole aperture, docs/spec/s390-zpci.md 8, with many pages mapped. */
@Timeout(120)
class LongRefreshTest {
    private static final int GENERATION = 5;
    private static final int CLP = 0xB9A0;
    private static final int MPCIFC = 0xE3D0;
    private static final int RPCIT = 0xB9D3;
    private static final int REGISTER = 4;
    private static final int CONDITION_CODE_DONE = 0;
    private static final long REGION_THIRD_TABLE = 0x1000_0000L;
    private static final long SEGMENT_TABLE = 0x1000_4000L;
    private static final long PAGE_TABLE = 0x1000_8000L;
    private static final long IOTA = 0x1000_0804L;
    private static final long FIRST = 0x1_0000_0000L;
    private static final long LAST = 0x1_ffff_ffffL;
    private static final long BLOCK = 0x5000_0000L;
    private static final long FRAME = 0x1234_5000L;
    private static final int SWAPS = 3;
    private static final long MAPPINGS = 1 << 19;
    private static final int ENTRIES = 2048;
    private static final int PAGES_OF_SEGMENT = 256;
    private static final long INVALID = 0x20;

    /** As many as are mapped; each is a MiB. */
    private static final int SEGMENTS = 1024;

    private final ExecutorService vcpu = Executors.newSingleThreadExecutor();

    @AfterEach
    void stop() {
        vcpu.shutdownNow();
    }

    /** The host side of a guest with one function. */
    private static final class Host implements GuestRequests {
        private final Container container;
        private final CountDownLatch refreshing = new CountDownLatch(1);
        private int refreshes;

        Host(Container container) {
            this.container = container;
        }

        @Override
        public Completion request(int guestDomain, byte[] bytes) {
            if (bytes[Integer.BYTES] == Uapi.INVAL_IOTLB) {
                refreshes++;
                refreshing.countDown();
            }
            Completion answer = new Completion();
            container.ioctl(Uapi.VFIO_IOMMU_OP, bytes, 0, bytes.length, answer);
            assertEquals(Errno.OK, answer.errno(), answer::toString);
            return answer;
        }

        @Override
        public void handled(String why) {
            // Not looked at.
        }

        @Override
        public void refused(String reason) {
            throw new AssertionError(reason);
        }

        @Override
        public void move(int requester, int guestDomain) {
            Completion answer = new Completion();
            container.attach(requester, answer);
            assertEquals(Errno.OK, answer.errno(), answer::toString);
        }
    }

    private static long execute(Guest guest, int opcode, long... words) {
        NativeCall call = new NativeCall().begin(opcode);
        for (int i = 0; i < words.length; i++) {
            call.word(i, words[i]);
        }
        guest.call(call);
        return call.result();
    }

    /** Maps that many segments of the aperture, all through one page table; the others are invalid. */
    private static void map(PhysicalMemory memory, int segments) {
        for (int entry = 0; entry < ENTRIES; entry++) {
            memory.writeLongBe(
                    REGION_THIRD_TABLE + (long) entry * Long.BYTES, entry == 2 ? SEGMENT_TABLE | 7 : INVALID);
            memory.writeLongBe(SEGMENT_TABLE + (long) entry * Long.BYTES, entry < segments ? PAGE_TABLE : INVALID);
        }
        for (int page = 0; page < PAGES_OF_SEGMENT; page++) {
            memory.writeLongBe(PAGE_TABLE + (long) page * Long.BYTES, FRAME);
        }
    }

    /** Enables and registers function 1; the answer is its handle. */
    private static int setUp(Guest guest, PhysicalMemory memory) {
        byte[] enable = HexFormat.of().parseHex("0020000500000000000000000000000000020001000000010000000000000000");
        memory.write(BLOCK, enable, 0, enable.length);
        memory.writeLongBe(BLOCK + enable.length, 32L << 48);
        assertEquals(CONDITION_CODE_DONE, execute(guest, CLP, BLOCK));
        int handle = (int) (memory.readLongBe(BLOCK + enable.length + 16) >>> Integer.SIZE);
        long[] fib = {0, 0, FIRST, LAST, IOTA, 0, 0, 0, 0, 0};
        for (int i = 0; i < fib.length; i++) {
            memory.writeLongBe(BLOCK + (long) i * Long.BYTES, fib[i]);
        }
        assertEquals(CONDITION_CODE_DONE, execute(guest, MPCIFC, ((long) handle << Integer.SIZE) | REGISTER, BLOCK));
        return handle;
    }

    /** The backend that does not serve. */
    private static String other(IommuCore core) {
        return core.backends().stream()
                .filter(backend -> backend.state() != BackendStatus.State.ACTIVE)
                .map(backend -> "#" + backend.id())
                .findFirst()
                .orElseThrow();
    }

    @Test
    void shouldCarryOutOneInstructionOfAGuestOverSeveralSwaps(TestReporter reporter) throws Exception {
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(new ZpciBackend());
            core.arrived(new ZpciBackend());
            HardwareConfig config = new HardwareConfig(
                    GENERATION, Map.of("clp", Map.of("dma_avail", MAPPINGS)), Map.of(), CacheConfig.NONE, Map.of());
            Unit unit = core.openUnit(UnitConfig.of(IommuModel.S390, config));
            Host host = new Host(unit.openContainer(ContainerConfig.of(Offer.exactly(IommuModel.S390, GENERATION))));
            Guest guest = unit.openGuest(HardwareConfig.of(GENERATION), host);
            PhysicalMemory memory = unit.platform().memory();
            map(memory, 0);
            int handle = setUp(guest, memory);
            map(memory, SEGMENTS);
            long requestsBefore = host.container.counters().completed();

            long begun = System.nanoTime();
            Future<Long> rpcit =
                    vcpu.submit(() -> execute(guest, RPCIT, (long) handle << Integer.SIZE, FIRST, LAST - FIRST + 1));
            assertTrue(host.refreshing.await(30, TimeUnit.SECONDS));
            int inside = 0;
            for (int swap = 0; swap < SWAPS; swap++) {
                SwapReport report = core.swap(IommuModel.S390, other(core), SwapLimits.DEFAULT);
                assertEquals(SwapReport.Outcome.DONE, report.outcome(), report::toString);
                inside += rpcit.isDone() ? 0 : 1;
            }
            assertEquals(CONDITION_CODE_DONE, rpcit.get());
            reporter.publishEntry(
                    "swaps inside", inside + " in " + TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun) + " ms");
            assertTrue(inside > 0, "so a swap was made while the instruction was under way");
            assertEquals(1, host.refreshes);
            assertEquals(requestsBefore + 1, host.container.counters().completed());
            assertEquals(Map.of(), host.container.counters().refused());
            assertEquals(CONDITION_CODE_DONE, execute(guest, RPCIT, (long) handle << Integer.SIZE, FIRST, 4096));
        }
    }
}
