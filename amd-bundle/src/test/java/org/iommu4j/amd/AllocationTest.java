package org.iommu4j.amd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Map;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Uapi;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Requests, the commands that they become, and accesses allocate nothing, even when they are interpreted. */
final class AllocationTest {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final int ROUNDS = 300;

    /** An object in every round is at least so many bytes. */
    private static final long SMALLEST_OBJECT = 16;

    private static final int DOMAIN = 1;
    private static final int DEVICE = 0x310;
    private static final int PASID = 0x45;
    private static final long TABLE = 0x10_0000L;
    private static final long POOL = 0x20_0000L;
    private static final long IOVA = 0x1234_5000L;
    private static final long GUEST_TABLE = 0x30_0000L;
    private static final long GUEST_ADDRESS = 0x7f00_0000_1000L;
    private static final byte[] NONE = {};

    private final InvalidateRequest request = new InvalidateRequest();
    private final Completion completion = new Completion();
    private final DmaAccess access = new DmaAccess();
    private final byte[] payload = InvalidateIommuPages.LAYOUT.encode(
            InvalidateIommuPages.word0(0, InvalidateIommuPages.NO_PASID),
            InvalidateIommuPages.word1(InvalidateIommuPages.NO_PASID, IOVA, 12, true));
    private Machine machine;

    @ParameterizedTest
    @EnumSource(names = {"NONE", "DEFAULT", "WORST_CASE"})
    void shouldAllocateNothing(CacheConfig cache) {
        machine = Machine.of(new HardwareConfig(AmdViGeneration.V3, Map.of(), Map.of(), cache, Map.of()));
        machine.open(DOMAIN);
        machine.attach(DOMAIN, DEVICE);
        long pool = machine.mapHost(TABLE, 4, IOVA, IOVA, POOL);
        for (long page = GUEST_TABLE; page < GUEST_TABLE + 0x10_0000L; page += 0x1000) {
            pool = machine.mapHost(TABLE, 4, page, page, pool);
        }
        machine.mapGuest(GUEST_TABLE, GUEST_ADDRESS, GUEST_TABLE + 0x8000, GUEST_TABLE + 0x1000);
        assertEquals(Errno.OK, machine.bindTable(DOMAIN, DEVICE, TABLE, 4, true));
        assertEquals(Errno.OK, machine.bindPasid(DOMAIN, DEVICE, PASID, GUEST_TABLE, 0));
        machine.translator().tap(null);
        run(2 * ROUNDS);
        long before = THREADS.getCurrentThreadAllocatedBytes();
        run(ROUNDS);
        long bytes = THREADS.getCurrentThreadAllocatedBytes() - before;
        assertTrue(bytes < SMALLEST_OBJECT * ROUNDS, bytes + " bytes in " + ROUNDS + " rounds");
    }

    private void run(int rounds) {
        for (int round = 0; round < rounds; round++) {
            invalidate(0, 0, 0, 0, 0, NONE);
            invalidate(Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0, IOVA, 0x3000, NONE);
            invalidate(Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0, IOVA, 0x1000, payload);
            invalidate(Uapi.SCOPE_VADDR | Uapi.SCOPE_PASID, 0, PASID, GUEST_ADDRESS, 0x1000, NONE);
            for (int i = 0; i < 2; i++) {
                read(InvalidateIommuPages.NO_PASID, IOVA, IOVA);
                read(PASID, GUEST_ADDRESS, GUEST_TABLE + 0x8000);
            }
        }
    }

    private void invalidate(int scope, int flags, int pasid, long vaddr, long size, byte[] vendorPart) {
        request.set(scope, flags, pasid, vaddr, size, AmdViGeneration.V3, vendorPart, 0, vendorPart.length);
        int code = machine.translator().invalidate(DOMAIN, request, completion.begin());
        if (code == 0) {
            code = machine.translator().finish(completion);
        }
        if (code != 0) {
            throw new AssertionError(completion.toString());
        }
    }

    private void read(int pasid, long iova, long expected) {
        machine.chip().translate(access.begin(DEVICE, iova, DmaAccess.READ).withPasid(pasid));
        if (access.spa() != expected) {
            throw new AssertionError(access.outcome() + " " + access.faultCode());
        }
    }
}
