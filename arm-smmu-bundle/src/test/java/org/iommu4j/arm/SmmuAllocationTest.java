package org.iommu4j.arm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Uapi;
import org.junit.jupiter.api.Test;

/** Requests, commands and accesses allocate nothing, even when they are interpreted. */
class SmmuAllocationTest {
    private static final int DEVICE = 0x1A8;
    private static final int DOMAIN = 3;
    private static final int ROUNDS = 20_000;

    /** Bytes of the smallest object: one a round would be found, what code that is not compiled yet allocates now and then is not. */
    private static final long SMALLEST_OBJECT = 16;

    private static final long IOVA = 0x1234567000L;
    private static final byte[] NONE = new byte[0];

    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private final Machine machine = Machine.of(SmmuGeneration.V3_3);
    private final InvalidateRequest request = new InvalidateRequest();
    private final Completion completion = new Completion();
    private final DmaAccess access = new DmaAccess();

    /** A page of one PASID is invalidated, then used twice; now and then the PASID as a whole. */
    private long run(int rounds) {
        Translator driver = machine.translator();
        long sum = 0;
        for (int round = 0; round < rounds; round++) {
            int scope = round % 16 == 0 ? Uapi.SCOPE_PASID : Uapi.SCOPE_PASID | Uapi.SCOPE_VADDR;
            long size = round % 16 == 0 ? 0 : 0x1000;
            request.set(scope, 0, 5, size == 0 ? 0 : IOVA, size, SmmuGeneration.V3_3, NONE, 0, 0);
            sum += driver.invalidate(DOMAIN, request, completion.begin());
            sum += driver.finish(completion.begin());
            machine.chip().translate(access.begin(DEVICE, IOVA, DmaAccess.READ).withPasid(5));
            machine.chip()
                    .translate(access.begin(DEVICE, IOVA + 8, DmaAccess.WRITE).withPasid(5));
            sum += access.outcome() == DmaAccess.Outcome.TRANSLATED ? 0 : 1;
        }
        return sum;
    }

    @Test
    void shouldAllocateNothingForRequestsAndAccesses() {
        machine.open(DOMAIN);
        machine.attach(DOMAIN, DEVICE);
        machine.map(0x40000000L, IOVA, 0x87654f47L, 0x41000000L);
        machine.bind(DOMAIN, Uapi.BIND_PASID, 0, Machine.pasid(DEVICE, 5, 0x40000000L));
        machine.translator().tap(null);
        // What grows with the number of entries has grown.
        assertEquals(0, run(ROUNDS));
        long before = threads.getThreadAllocatedBytes(Thread.currentThread().getId());
        long sum = run(ROUNDS);
        long bytes = threads.getThreadAllocatedBytes(Thread.currentThread().getId()) - before;
        assertEquals(0, sum);
        assertTrue(bytes < SMALLEST_OBJECT * ROUNDS, bytes + " bytes in " + ROUNDS + " rounds");
    }
}
