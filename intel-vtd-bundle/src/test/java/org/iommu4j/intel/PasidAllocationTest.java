package org.iommu4j.intel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Map;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Uapi;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.PasidDeviceTlbInvalidate;
import org.iommu4j.intel.command.PasidIotlbInvalidate;
import org.iommu4j.intel.command.VtdCommand;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Requests with PASIDs, the commands that they become, and accesses allocate nothing, even when they are interpreted. */
final class PasidAllocationTest {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    /** So many that what the machine itself allocates once, a few kilobytes, is no object a round. */
    private static final int ROUNDS = 500;

    /** An object in every round is at least so many bytes. */
    private static final long SMALLEST_OBJECT = 16;

    private static final int GENERATION = 0x400;
    private static final int DOMAIN = 1;
    private static final int DEVICE = 0x310;
    private static final int PASID = 0x345;
    private static final long TABLE = 0x10_0000L;
    private static final long FIRST_STAGE_TABLE = 0x20_0000L;
    private static final long IOVA = 0x1234_5000L;
    private static final byte[] NONE = {};
    private static final byte[] PASID_PAGE = PasidIotlbInvalidate.LAYOUT.encode(
            VtdCommand.TYPE_PASID_IOTLB
                    | PasidIotlbInvalidate.G.of(PasidIotlbInvalidate.PAGE)
                    | PasidIotlbInvalidate.PASID.of(PASID),
            IOVA);
    private static final byte[] PAGE =
            IotlbInvalidate.LAYOUT.encode(VtdCommand.TYPE_IOTLB | IotlbInvalidate.G.of(IotlbInvalidate.PAGE), IOVA);
    private static final byte[] DEVICE_PAGE = PasidDeviceTlbInvalidate.LAYOUT.encode(
            VtdCommand.TYPE_PASID_DEVICE_TLB
                    | PasidDeviceTlbInvalidate.SID.of(DEVICE)
                    | PasidDeviceTlbInvalidate.PASID.of(PASID),
            IOVA);

    private final InvalidateRequest request = new InvalidateRequest();
    private final Completion completion = new Completion();
    private final DmaAccess access = new DmaAccess();
    private Machine machine;

    @ParameterizedTest
    @EnumSource(names = {"NONE", "WORST_CASE"})
    void shouldAllocateNothing(CacheConfig cache) {
        machine = Machine.of(new HardwareConfig(GENERATION, Map.of(), Map.of(), cache, Map.of()));
        machine.open(DOMAIN);
        machine.attach(DOMAIN, DEVICE);
        machine.map(TABLE, 4, IOVA, 2 * IOVA, TABLE + 0x1000);
        machine.map(FIRST_STAGE_TABLE, 4, IOVA, 3 * IOVA, FIRST_STAGE_TABLE + 0x1000, 7);
        assertEquals(Errno.OK, machine.bind(DOMAIN, DEVICE, TABLE, BindPgtable.DEVICE_TLB));
        int flags = BindPgtable.DEVICE_TLB | (int) BindPgtable.FLAG_FIRST_STAGE.mask();
        assertEquals(Errno.OK, machine.bindPasid(DOMAIN, DEVICE, PASID, FIRST_STAGE_TABLE, flags));
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
            invalidate(Uapi.SCOPE_PASID, 0, PASID, 0, 0, NONE);
            invalidate(Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0, IOVA, 0x3000, NONE);
            invalidate(Uapi.SCOPE_VADDR, 0, 0, IOVA, 0x1000, NONE);
            invalidate(Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0, IOVA, 0x1000, PAGE);
            invalidate(Uapi.SCOPE_VADDR | Uapi.SCOPE_PASID, 0, PASID, IOVA, 0x1000, NONE);
            invalidate(Uapi.SCOPE_VADDR | Uapi.SCOPE_PASID, 0, PASID, IOVA, 0x1000, PASID_PAGE);
            invalidate(Uapi.SCOPE_VADDR | Uapi.SCOPE_PASID, 0, PASID, IOVA, 0x1000, DEVICE_PAGE);
            for (int i = 0; i < 2; i++) {
                read(DmaAccess.NO_PASID, 2 * IOVA);
                read(PASID, 3 * IOVA);
            }
        }
    }

    private void invalidate(int scope, int flags, int pasid, long vaddr, long size, byte[] vendorPart) {
        request.set(scope, flags, pasid, vaddr, size, GENERATION, vendorPart, 0, vendorPart.length);
        int code = machine.translator().invalidate(DOMAIN, request, completion.begin());
        if (code == 0) {
            code = machine.translator().finish(completion);
        }
        if (code != 0) {
            throw new AssertionError(completion.toString());
        }
    }

    private void read(int pasid, long expected) {
        machine.chip().translate(access.begin(DEVICE, IOVA, DmaAccess.READ).withPasid(pasid));
        if (access.spa() != expected) {
            throw new AssertionError(access.outcome() + " " + access.faultCode());
        }
    }
}
